-- The command `preflight`: the data for the order of several instances and the
-- comparison of their code.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.preflight')
local fio = require('fio')

local function survey(stubs)
    return lib.load('commands.preflight', stubs)({command = 'preflight'})
end

local function digest()
    return survey().status.digest
end

--- Creates a fake Cartridge with these facts about its instance.
local function cartridge_with(fields)
    local self = {
        alias = function() return 'router' end,
        is_healthy = function() return fields.healthy end,
        unhealthy = function() return {'s-1 (host:3302): dead'} end,
        place = function() return 'set-1', fields.role end,
        services = function() return {} end,
        refusal = function() return {code = 'bad_state', message = 'not shown'} end,
        state = function() return fields.state or 'RolesConfigured' end,
        uri = function() return 'host:3301' end,
        version = function() return '2.17.0' end,
    }
    package.loaded['cartridge'] = {}
    lib.defer(function() package.loaded['cartridge'] = nil end)
    return {['platform.cartridge'] = {detect = function() return self end}}
end

case('before box.cfg the preflight equals the status', function(t)
    local report = survey()
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'not_running', 'code')
    t:is(report.status.box, 'unconfigured', 'box')
    t:is(report.status.role, nil, 'neither leader nor follower')
    t:is(report.status.stateboard, false, 'no stateboard')
end)

case('without Cartridge a read-only instance counts as a follower', function(t)
    lib.box()
    local status = survey().status
    t:is(status.role, 'leader', 'who can write leads')
    t:is(status.replicaset, (box.info.replicaset or box.info.cluster).uuid, 'replica set')
    t:is(status.healthy, nil, 'health is not known')
    t:is(status.uri, nil, 'nor an address')
    box.cfg({read_only = true})
    lib.defer(function() box.cfg({read_only = false}) end)
    t:is(survey().status.role, 'follower', 'who cannot follows')
end)

case('Cartridge is asked for leadership and health', function(t)
    lib.box()
    local report = survey(cartridge_with({role = 'follower', healthy = false}))
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.alias, 'router', 'alias')
    t:is(report.status.role, 'follower', 'role')
    t:is(report.status.replicaset, 'set-1', 'replica set')
    t:is(report.status.uri, 'host:3301', 'address')
    t:is(report.status.healthy, false, 'not healthy')
    report = survey(cartridge_with({role = 'leader', healthy = true, state = 'OperationError'}))
    t:is(report.outcome, 'refused', 'an instance in trouble')
    t:is(report.status.role, 'leader', 'has its role all the same')
end)

case('a stateboard is recognised', function(t)
    package.loaded['cartridge.stateboard'] = {}
    lib.defer(function() package.loaded['cartridge.stateboard'] = nil end)
    t:is(survey().status.stateboard, true, 'stateboard')
end)

case('without application modules there is no digest', function(t)
    lib.box()
    t:is(digest(), nil, 'none')
end)

case('the digest is that of the files on disk', function(t)
    local app = lib.app({['@'] = 'return {}', ['@.a'] = 'return 1', ['@.b'] = 'return 2'})
    app.require('@')
    app.require('@.a')
    local first = digest()
    t:ok(first:match('^%x+$') ~= nil and #first == 40, 'in hex')
    t:is(digest(), first, 'it is the same each time')
    app.write('@.a', 'return 3')
    local second = digest()
    t:isnt(second, first, 'new code, although not loaded, makes another one')
    lib.reload()
    t:is(digest(), second, 'to load it does not')
    app.write('@.a', 'return 1')
    t:is(digest(), first, 'the old code makes the old one')
end)

case('loaded modules make no difference to the digest', function(t)
    local app = lib.app({
        ['@.a'] = 'return 1', ['@.b'] = 'return 2', ['@.deep.er.c'] = 'return 3', ['@.pack.init'] = 'return 4',
    })
    package.path = ('%s;%s/?/init.lua'):format(package.path, app.root)
    app.require('@.a')
    local first = digest()
    app.require('@.b')
    app.require('@.deep.er.c')
    app.require('@.pack')
    t:is(digest(), first, 'the same')
    app.remove('@.deep.er.c')
    t:isnt(digest(), first, 'a file that is missing does')
    app.write('@.deep.er.c', 'return 3')
    t:is(digest(), first, 'until it is there again')
    app.write('@.new', 'return 5')
    t:isnt(digest(), first, 'and so does one that is new')
end)

case('the same files in another directory have the same digest', function(t)
    local app = lib.app({['@'] = 'return {}', ['@.a'] = 'return 1', ['@.b'] = 'return 2'})
    app.require('@')
    app.require('@.a')
    -- Enough for another order in a table of paths.
    for i = 1, 50 do
        app.write('@.more' .. i, 'return {}')
    end
    local first = digest()
    local root = lib.directory()
    t:ok(fio.copytree(app.root, root), 'copied')
    package.path = package.path:gsub(app.root:gsub('%W', '%%%0'), root)
    t:is(package.search(app.name .. '.a'), ('%s/%s/a.lua'):format(root, app.name), 'found there')
    t:is(digest(), first, 'the same')
end)

case('files that are not code of the application are not in the digest', function(t)
    local app = lib.app({['@.a'] = 'return 1'})
    app.require('@.a')
    local first = digest()
    local dir = fio.pathjoin(app.root, app.name)
    lib.write(fio.pathjoin(dir, 'notes.txt'), 'text')
    lib.write(fio.pathjoin(dir, '.git', 'hook.lua'), 'return 1')
    lib.write(fio.pathjoin(app.root, 'other', 'file.lua'), 'return 1')
    t:is(digest(), first, 'other files and directories')
    fio.symlink('..', fio.pathjoin(dir, 'again'))
    t:is(digest(), first, 'a directory that leads back')
end)

case('the file of a single-file module is in the digest', function(t)
    local app = lib.app({['@'] = 'return {}'})
    app.require('@')
    local first = digest()
    app.write('@', 'return {1}')
    t:isnt(digest(), first, 'another digest')
end)

case('an unreadable file changes the digest', function(t)
    local app = lib.app({['@.a'] = 'return 1', ['@.b'] = 'return 2'})
    app.require('@.a')
    local first = digest()
    app.remove('@.b')
    fio.symlink('nowhere', app.path('@.b'))
    local second = digest()
    t:ok(second ~= nil and second ~= first, 'another digest')
end)

case('during a reload there is no digest', function(t)
    local app = lib.app({['@.a'] = 'return 1'})
    app.require('@.a')
    local stash = lib.load('core.stash')
    local lock = stash.acquire('me@here pid 7')
    t:is(survey().status.reloading.holder, 'me@here pid 7', 'a reload runs')
    t:is(digest(), nil, 'no digest')
    stash.release(lock)
    t:isnt(digest(), nil, 'and there it is')
end)

case('outdated code is detected', function(t)
    local app = lib.app({['@.a'] = 'return 1', ['@.b'] = 'return 2'})
    app.require('@.a')
    app.require('@.b')
    lib.reload()
    local status = survey().status
    t:is(status.outdated, false, 'a reload loads what is on disk')
    t:is(status.loaded_digest, status.digest, 'it is the same')
    t:is(status.root, app.root, 'the directory that it is read from')
    local loaded = status.loaded_digest
    app.write('@.b', 'return 3')
    status = survey().status
    t:is(status.outdated, true, 'a file that has changed is not loaded')
    t:is(status.loaded_digest, loaded, 'what is loaded is what it was')
    t:isnt(status.digest, loaded, 'what is on disk is not')
    app.write('@.b', 'return 2')
    t:is(survey().status.outdated, false, 'until it is as before')
    app.write('@.new', 'return 4')
    t:is(survey().status.outdated, false, 'a file that nothing has loaded is no other code')
    app.remove('@.a')
    status = survey().status
    t:is(status.outdated, true, 'a file that is gone is still loaded')
    t:isnt(status.loaded_digest, status.digest, 'which has another digest')
end)

case('before the first reload the age of a file decides whether code is outdated', function(t)
    local app = lib.app({['@.a'] = 'return 1'})
    app.require('@.a')
    local started, real = lib.load('platform.process').started(), require('fio')
    local function survey_at(age_of_file, age_of_link)
        local stub = setmetatable({
            stat = function(path)
                return real.stat(path) and {ctime = started + age_of_file}
            end,
            lstat = function(path)
                local stat = real.lstat(path)
                return stat and {ctime = started + (age_of_link or -10), is_link = function()
                    return age_of_link ~= nil
                end}
            end,
        }, {__index = real})
        return survey({fio = stub}).status
    end
    local status = survey_at(-10)
    t:is(status.outdated, false, 'one that was there before the process is')
    t:is(status.loaded_digest, status.digest, 'so its digest is known')
    status = survey_at(10)
    t:is(status.outdated, true, 'one that came later may not be')
    t:is(status.loaded_digest, nil, 'and nobody knows what is loaded')
    t:is(survey_at(-10, -10).outdated, false, 'a link that was there before leads where it led')
    t:is(survey_at(-10, 10).outdated, true, 'one that was replaced since may lead elsewhere')
end)

case('reasons for an unhealthy cluster are in the report', function(t)
    lib.box()
    local status = survey(cartridge_with({role = 'leader', healthy = false})).status
    t:is_deeply(status.unhealthy, {'s-1 (host:3302): dead'}, 'who, and why')
    status = survey(cartridge_with({role = 'leader', healthy = true})).status
    t:is(status.unhealthy, nil, 'nothing if it is')
end)

lib.run()
