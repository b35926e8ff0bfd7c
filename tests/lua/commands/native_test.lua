-- `reload --method native`: Cartridge's own reload, and the report about it.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.native')

lib.box()

local state

--- Runs the command with a fake Cartridge with this `reload_roles`.
-- @tparam function reload_roles
-- @tparam ?table refusal why it would not begin
local function native(reload_roles, refusal, args)
    package.loaded['cartridge'] = {reload_roles = reload_roles}
    args = table.copy(args or {})
    args.timeout = args.timeout or 10
    local report = lib.load('commands.native', {['platform.cartridge'] = {
        detect = function()
            return {
                alias = function() return nil end,
                refusal = function() return refusal end,
                services = function() return {} end,
                state = function() return state end,
            }
        end,
        has_section = function() return false end,
    }})(args)
    -- To the other method it would be a module of the application.
    package.loaded['cartridge'] = nil
    return report
end

--- Does what Cartridge does: loads all modules of an application again, and removes
-- the globals that it does not know.
local function reload_of(app, ...)
    local names = {...}
    return function()
        for _, name in ipairs(names) do
            package.loaded[(name:gsub('@', app.name))] = nil
        end
        rawset(_G, '__cartridge_reload', nil)
        for _, name in ipairs(names) do
            app.require(name)
        end
        return true
    end
end

local function hold(value)
    rawset(_G, 'held', value)
    lib.defer(function() rawset(_G, 'held', nil) end)
end

local function held()
    return rawget(_G, 'held')
end

local function places(report)
    local list = {}
    for i, place in ipairs(report.stale or {}) do
        list[i] = ('%s%s | %s'):format(place.patched and '+' or '-', place.kind, place.where)
    end
    table.sort(list)
    return table.concat(list, '; ')
end

local function start(files)
    state = 'RolesConfigured'
    local app = lib.app(files)
    for name in pairs(files) do
        app.require(name)
    end
    return app
end

case('without Cartridge the native method is refused', function(t)
    local report = lib.load('commands.native')({timeout = 10})
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'no_cartridge', 'code')
    t:is(lib.stash(), nil, 'no registry was made')
    report = lib.load('commands.native')({timeout = 10, not_after = 1})
    t:is(report.outcome, 'timeout', 'too late all the same')
end)

case('a successful native reload increments the generation', function(t)
    local app = start({['@'] = 'return {get = function() return 1 end}'})
    local loaders, before = #package.loaders, package.loaders[1]
    local report = native(reload_of(app, '@'))
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(report.generation, 1, 'generation')
    local stash = lib.stash()
    t:is(stash.generation, 1, 'remembered')
    t:ok(stash.loaded_at ~= nil, 'when')
    t:is(stash.last.outcome, 'reloaded', 'as the last one')
    t:is(stash.names[app.name], app.path('@'), 'with the module')
    t:ok(stash.files[app.path('@')] ~= nil, 'and its text')
    t:is(#package.loaders, loaders, 'the loaders are')
    t:is(package.loaders[1], before, 'as they were')
    t:is(lib.load('core.stash').holder(), nil, 'the lock was given back')
    t:is(report.scan.complete, true, 'it was scanned')
    t:is(places(report), '', 'and nothing found')
    t:is(lib.load('commands.stale')({timeout = 60}).outcome, 'ok', 'nor later')
end)

case('the registry survives if Cartridge removes it', function(t)
    local app = start({['@'] = 'return {get = function() return 1 end}'})
    lib.reload()
    local stash = lib.stash()
    native(reload_of(app, '@'))
    t:ok(lib.stash() == stash, 'the same')
    t:is(stash.generation, 2, 'one more')
end)

case('stale references of a native reload are patched', function(t)
    local app = start({['@'] = 'return {get = function() return "v1" end}'})
    hold({f = app.require('@').get})
    app.write('@', 'return {get = function() return "v2" end}')
    local report = native(reload_of(app, '@'))
    t:is(places(report), '+global | global held.f', 'place')
    t:is(held().f(), 'v2', 'patched')
    -- And after reloads of both kinds.
    app.write('@', 'return {get = function() return "v3" end}')
    report = lib.reload()
    t:is(places(report), '+global | global held.f', 'by the other method')
    app.write('@', 'return {get = function() return "v4" end}')
    report = native(reload_of(app, '@'))
    t:is(places(report), '+global | global held.f', 'and again')
    t:is(held().f(), 'v4', 'patched')
end)

case('old code is recognised by its file even if the file has moved', function(t)
    local app = start({['@'] = 'return {get = function() return "v1" end}'})
    hold({f = app.require('@').get})
    app.remove('@')
    local other = lib.directory()
    lib.write(('%s/%s.lua'):format(other, app.name), 'return {get = function() return "v2" end}')
    package.path = other .. '/?.lua;' .. package.path
    t:is(places(native(reload_of(app, '@'))), '+global | global held.f', 'place')
    t:is(held().f(), 'v2', 'patched')
end)

case('compiled code calls the new function', function(t)
    local app = start({['@'] = 'return {get = function() return 1 end}'})
    hold({loop = assert(loadstring([[
        local get = ...
        return function() local sum = 0 for _ = 1, 200 do sum = sum + get() end return sum end
    ]], '@/rocks/rock.lua'))(app.require('@').get)})
    for _ = 1, 50 do
        held().loop()
    end
    app.write('@', 'return {get = function() return 2 end}')
    native(reload_of(app, '@'))
    t:is(held().loop(), 400, 'all of them')
end)

case('stale references are reported or a failure on request', function(t)
    local app = start({['@'] = 'return {get = function() return "v1" end}'})
    hold({f = app.require('@').get})
    app.write('@', 'return {}')
    local report = native(reload_of(app, '@'), nil, {stale = 'report'})
    t:is(places(report), '-global | global held.f', 'reported')
    t:is(report.outcome, 'reloaded', 'outcome')
    report = native(reload_of(app, '@'), nil, {stale = 'fail'})
    t:is(report.outcome, 'stale', 'a failure')
    t:is(report.error.code, 'stale_references', 'code')
    t:is(lib.stash().last.outcome, 'stale', 'remembered')
end)

case('modules that were not loaded again are not stale', function(t)
    local app = start({['@.a'] = 'return {get = function() end}', ['@.b'] = 'return {get = function() end}'})
    hold({a = app.require('@.a').get, b = app.require('@.b').get})
    lib.reload()
    hold({a = app.require('@.a').get, b = app.require('@.b').get})
    local report = native(reload_of(app, '@.a'))
    t:is(places(report), '+global | global held.a', 'only that of the other')
end)

case('a compile error has Tarantool\'s message', function(t)
    local app = start({['@'] = 'return {}'})
    app.write('@', 'syntax error here')
    state = 'ReloadError'
    local report = native(reload_of(app, '@'))
    t:is(report.outcome, 'degraded', 'outcome')
    t:is(report.error.code, 'native_failed', 'code')
    t:like(report.error.message, "near 'error'", 'message')
    t:is(lib.load('core.stash').holder(), nil, 'the lock was given back')
    t:ok(lib.stash() ~= nil, 'the registry is there')
    t:is(lib.stash().generation, 0, 'no generation')
    t:is(report.scan, nil, 'no scan')
end)

case('a failed native reload is degraded, unless it had not begun', function(t)
    start({['@'] = 'return {}'})
    state = 'ReloadError'
    local loaders = #package.loaders
    local report = native(function() return nil, {err = 'broken role'} end)
    t:is(report.outcome, 'degraded', 'outcome')
    t:is(report.error.code, 'native_failed', 'code')
    t:is(report.error.phase, 'native', 'phase')
    t:like(report.error.message, 'broken role', 'message')
    t:is(report.rollback.complete, false, 'nothing was undone')
    t:ok(lib.mentions(report.rollback.left, 'ReloadError'), 'state')
    t:is(#package.loaders, loaders, 'the loaders are as they were')
    state = 'RolesConfigured'
    report = native(function() return nil, {err = 'Reloading roles forbidden'} end)
    t:is(report.outcome, 'refused', 'a refusal')
    t:is(report.rollback, nil, 'leaves nothing')
    report = native(function() error('boom') end)
    t:is(report.outcome, 'refused', 'also one that is thrown')
    t:like(report.error.message, 'boom', 'message')
end)

case('a failed state of Cartridge does not prevent a native reload', function(t)
    local app = start({['@'] = 'return {}'})
    for name, expected in pairs({ReloadError = 'reloaded', OperationError = 'reloaded', BootError = 'refused'}) do
        state = name
        t:is(native(reload_of(app, '@'), {code = 'bad_state', message = name}).outcome, expected, name)
    end
    state = 'RolesConfigured'
    local report = native(reload_of(app, '@'), {code = 'forbidden', message = 'no'})
    t:is(report.outcome, 'refused', 'another reason is one')
    t:is(report.error.code, 'forbidden', 'code')
end)

case('a second reload at the same time is refused', function(t)
    start({['@'] = 'return {}'})
    local stash = lib.load('core.stash')
    local lock = stash.acquire('me')
    local report = native(function() error('called') end)
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'locked', 'code')
    stash.release(lock)
end)

case('libraries that Cartridge loads are not modules of the application', function(t)
    local app = start({['@'] = 'return {}'})
    local path = app.root .. '/.rocks/share/tarantool/native_library.lua'
    lib.write(path, 'return {get = function() end}')
    package.path = app.root .. '/.rocks/share/tarantool/?.lua;' .. package.path
    lib.defer(function() package.loaded['native_library'] = nil end)
    require('native_library')
    native(function()
        package.loaded['native_library'] = nil
        require('native_library')
        return true
    end)
    t:is(lib.stash().names['native_library'], nil, 'not remembered')
    t:is(lib.stash().sources['@' .. path], nil, 'and no source')
end)

lib.run()
