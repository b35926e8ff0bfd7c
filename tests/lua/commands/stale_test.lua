-- The command `stale`: reports stale references without changing anything.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.stale')

lib.box()

local function stale(args, stubs)
    return lib.load('commands.stale', stubs)(args or {timeout = 10})
end

--- Keeps a value in a global variable until the end of the case.
local function hold(value)
    rawset(_G, 'stale_test', value)
    lib.defer(function() rawset(_G, 'stale_test', nil) end)
end

local function words(report)
    local list = {}
    for i, place in ipairs(report.stale) do
        list[i] = place.kind .. ' | ' .. place.where
    end
    table.sort(list)
    return table.concat(list, '; ')
end

case('before the first reload nothing is stale and no scan is made', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    local report = stale()
    t:is(report.outcome, 'ok', 'outcome')
    t:is(#report.stale, 0, 'places')
    t:is(report.generation, 0, 'generation')
    t:is(report.error, nil, 'no error')
    t:is(lib.stash(), nil, 'no registry was made')
end)

case('after a clean reload nothing is found', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    local report = stale()
    t:is(report.outcome, 'ok', 'outcome')
    t:is(words(report), '', 'places')
    t:is(report.scan.complete, true, 'complete')
    t:ok(report.scan.objects > 1000, 'objects')
    t:ok(report.scan.functions > 100, 'functions')
    t:ok(report.scan.passes >= 1, 'passes')
    t:ok(report.scan.max_slice_ms > 0, 'slice')
    t:is(#lib.unchecked(report), 0, 'all was checked')
    t:ok(report.duration_ms > 0, 'duration')
    t:ok(report.timings_ms.scan > 0, 'timing')
    t:is(report.generation, 1, 'generation')
end)

case('stale references are reported and not changed', function(t)
    local app = lib.app({['@'] = 'return {get = function() end, put = function() end}'})
    app.require('@')
    local holder = {app.require('@').get, named = app.require('@').put}
    -- As text: what is held here is found as well.
    local function looks()
        return tostring(holder[1]) .. ' ' .. tostring(holder.named)
    end
    local before = looks()
    hold(holder)
    lib.reload({stale = 'report'})
    for _ = 1, 2 do
        local report = stale()
        t:is(report.outcome, 'stale', 'outcome')
        t:is(report.error.code, 'stale_references', 'code')
        t:is(report.error.phase, 'scan', 'phase')
        t:is(report.error.message, '2 stale references found', 'message')
        t:is(words(report), 'global | global stale_test.named; global | global stale_test[1]', 'places')
        for _, place in ipairs(report.stale) do
            t:is(place.patched, false, 'not patched')
            t:is(place.reason, nil, 'no reason')
            t:is(place['function'], app.path('@') .. ':1', 'function')
            t:ok(place.name == 'get' or place.name == 'put', 'name')
            t:is(place.generation, nil, 'generation before the first reload')
        end
    end
    t:is(looks(), before, 'as it was')
    t:is(#lib.reload().stale, 2, 'the next reload sees to them')
    t:isnt(looks(), before, 'patched')
    local report = stale()
    t:is(report.outcome, 'ok', 'then nothing is left')
end)

case('a fiber that has not started is scanned once it has', function(t)
    local app = lib.app({['@'] = 'local fiber = require("fiber") return {run = function() fiber.sleep(100) end}'})
    app.require('@')
    lib.reload()
    -- The scan would patch it here.
    local guard = assert(loadstring('local f = ... return function(g) return g(f) end',
        '@cartridge-reload/test.lua'))(app.require('@').run)
    lib.reload()
    local load = lib.loader()
    local command = load('commands.stale')
    load('core.yield').reset()
    local object = guard(fiber.new)
    lib.defer(function() object:cancel() end)
    t:is(words(command({timeout = 10})), ('fiber | fiber %d "lua"'):format(object:id()), 'found')
end)

case('a single reference is reported in the singular', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    hold(app.require('@').get)
    lib.reload({stale = 'report'})
    t:is(stale().error.message, '1 stale reference found', 'message')
end)

case('the generation of a reference is reported', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    hold(app.require('@').get)
    lib.reload({stale = 'report'})
    t:is(stale().stale[1].generation, 1, 'of the first reload')
end)

case('the registry is unchanged by a scan, whatever other code has loaded', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}', ['@.other'] = 'return {put = function() end}'})
    app.require('@')
    app.require('@.other')
    lib.reload()
    package.loaded[app.name] = nil
    app.require('@')
    local stash = lib.stash()
    local sources, values = table.copy(stash.sources), table.copy(stash.values)
    for i = 1, 2 do
        local report = stale()
        t:is(report.outcome, 'ok', 'outcome')
        t:is(words(report), '', 'what is loaded again is not stale')
        t:ok(lib.mentions(report.scan.unchecked, app.name), ('told, time %d'):format(i))
        t:is(#lib.unchecked(report), 1, 'only that')
    end
    t:is_deeply(stash.sources, sources, 'sources')
    t:is_deeply(stash.values, values, 'values')
end)

case('a module that other code has loaded again, and whose value is gone, is unchecked', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    package.loaded[app.name] = nil
    jit.flush()
    collectgarbage()
    collectgarbage()
    app.require('@')
    local report = stale()
    t:is(words(report), '', 'is not stale')
    t:ok(lib.mentions(report.scan.unchecked, app.name), 'but told')
end)

case('a file that other code has loaded under another name is unchecked', function(t)
    local app = lib.app({['@.part'] = 'return {get = function() end}'})
    app.require('@.part')
    lib.reload()
    lib.defer(function() package.loaded[app.name .. '/part'] = nil end)
    app.require('@/part')
    local report = stale()
    t:is(words(report), '', 'what is loaded so is not stale')
    t:ok(lib.mentions(report.scan.unchecked, app.name .. '/part'), 'but told')
    t:is(report.outcome, 'ok', 'outcome')
end)

case('a file loaded by the name of its directory and by its own is found', function(t)
    local app = lib.app({
        ['@'] = 'return {}',
        ['@.pkg.init'] = 'return {get = function() return 1 end}',
    })
    local path = package.path
    package.path = app.root .. '/?/init.lua;' .. path
    lib.defer(function() package.path = path end)
    for _, names in ipairs({{'@.pkg', '@.pkg.init'}, {'@.pkg.init', '@.pkg'}}) do
        app.require('@')
        app.require(names[1])
        lib.reload()
        rawset(_G, 'held', app.require(names[2]))
        lib.defer(function() rawset(_G, 'held', nil) end)
        local report = lib.load('commands.stale')({timeout = 60})
        t:is(report.outcome, 'ok', names[2])
        t:like(table.concat(report.scan.unchecked, '; '), 'module ' .. app.name, 'is not checked')
        for _, name in ipairs({'@', '@.pkg', '@.pkg.init'}) do
            package.loaded[name:gsub('@', app.name)] = nil
        end
        rawset(_G, '__cartridge_reload', nil)
    end
end)

case('a module kept under another name is scanned', function(t)
    local app = lib.app({['@.part'] = 'return {get = function() end}'})
    package.loaded['stale_test.alias'] = app.require('@.part')
    lib.defer(function() package.loaded['stale_test.alias'] = nil end)
    lib.reload({stale = 'report'})
    lib.defer(function() package.loaded[app.name .. '/part'] = nil end)
    package.loaded[app.name .. '/part'] = app.require('@.part')
    local report = stale()
    t:is(words(report), "module | package.loaded['stale_test.alias'].get", 'the old one is found')
    t:is(#lib.unchecked(report), 0, 'nothing is not checked')
end)

case('a module that was removed and that other code has loaded since is unchecked', function(t)
    local text = 'return {get = function() end}'
    local app = lib.app({['@'] = text, ['@.other'] = text})
    app.require('@')
    app.require('@.other')
    app.remove('@.other')
    t:is(lib.reload().outcome, 'reloaded', 'without it')
    app.write('@.other', text)
    app.require('@.other')
    local report = stale()
    t:is(words(report), '', 'is not stale')
    t:ok(lib.mentions(report.scan.unchecked, app.name .. '.other'), 'but told')
end)

case('functions compiled from strings are reported', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    hold({loadstring('return 1'), loadstring('return 2')})
    local report = stale()
    t:is(report.outcome, 'ok', 'outcome')
    t:ok(lib.mentions(report.scan.unchecked, '2 functions compiled from a string'), 'number')
    t:ok(lib.mentions(report.scan.unchecked, 'global stale_test[1]'), 'place')
    local many = {}
    for i = 1, 300 do
        many[i] = loadstring('return ' .. i)
    end
    hold(many)
    report = stale()
    t:is(#lib.unchecked(report), 1, 'many are one entry')
    t:ok(#lib.unchecked(report)[1] < 500, 'of some length')
end)

case('during a reload there is no result', function(t)
    local stash = lib.load('core.stash')
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    local lock = stash.acquire('somebody')
    local report = stale()
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'locked', 'code')
    t:ok(report.error.transient, 'it passes')
    stash.release(lock)
    t:is(stale().outcome, 'ok', 'then there is')
end)

case('a reload during the scan invalidates the result', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    local real = lib.load('scan.init')
    local report = stale(nil, {['scan.init'] = {
        refusal = real.refusal,
        look = function(...)
            lib.stash().generation = lib.stash().generation + 1
            return real.look(...)
        end,
    }})
    t:is(report.outcome, 'refused', 'one that is over')
    t:is(report.error.code, 'locked', 'code')
    t:ok(report.error.transient, 'it passes')
    local lock
    report = stale(nil, {['scan.init'] = {
        refusal = real.refusal,
        look = function(...)
            lock = lib.load('core.stash').acquire('somebody')
            return real.look(...)
        end,
    }})
    t:is(report.outcome, 'refused', 'one that runs')
    t:is(report.error.code, 'locked', 'code')
    lib.load('core.stash').release(lock)
end)

case('a scan takes no lock', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    local heap = {}
    for i = 1, 100000 do
        heap[i] = {}
    end
    hold(heap)
    local report, seen
    fiber.create(function()
        report = stale()
    end)
    t:is(report, nil, 'it runs')
    seen = lib.load('core.stash').holder()
    t:is(seen, nil, 'and nobody is kept out')
    t:ok(lib.wait(function() return report end), 'it ends')
    t:is(report.outcome, 'ok', 'outcome')
end)

case('a scan that memory is too short for is refused', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    app.require('@')
    lib.reload()
    local real = lib.load('scan.init')
    local report = stale(nil, {['scan.init'] = {
        refusal = function() return 'the heap is large' end,
        look = function() error('looked') end,
    }})
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'scan_too_large', 'code')
    t:is(report.error.message, 'the heap is large', 'message')
    report = stale(nil, {['scan.init'] = {
        refusal = real.refusal,
        count_text = real.count_text,
        look = function()
            return {places = {}, left = 3, stats = {complete = false}, stopped = 'memory'}
        end,
    }})
    t:is(report.outcome, 'refused', 'also in the middle of it')
    t:is(report.error.code, 'scan_too_large', 'code')
end)

case('a scan that runs out of time gives no result', function(t)
    local app = lib.app({['@'] = 'return {get = function() end}'})
    hold({app.require('@').get})
    lib.reload({stale = 'report'})
    local heap = {}
    for i = 1, 200000 do
        heap[i] = {{}}
    end
    rawget(_G, 'stale_test').heap = heap
    local report = stale({timeout = 0.02})
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(report.error.code, 'deadline', 'code')
    t:is(report.scan.complete, false, 'not complete')
    report = stale({timeout = 10, not_after = fiber.time() - 1})
    t:is(report.outcome, 'timeout', 'a request that waited for too long')
    t:is(report.scan, nil, 'is not begun')
end)

case('the registry of another program version is not used', function(t)
    rawset(_G, '__cartridge_reload', {version = 1, generation = 7, files = {}, names = {}, routes = {}})
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    local report = stale()
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.generation, 7, 'generation')
    t:is(#report.stale, 0, 'places')
end)

lib.run()
