-- scan/init.lua: the whole scan, at the end of a reload.

local clock = require('clock')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.init')
local apps = assert(loadfile('tests/lua/scan/stale_lib.lua'))(lib)

lib.box()

local hold, held, code, start = apps.hold, apps.held, apps.code, apps.start
local GET, places, reasons = apps.GET, apps.places, apps.reasons

case('a reload without stale references', function(t)
    local app = start(GET)
    app.update()
    local report = lib.reload({stale = 'fail'})
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(places(report), '', 'no places')
    t:is(report.scan.complete, true, 'complete')
    t:is(report.scan.more, 0, 'no more')
    t:ok(report.scan.objects > 1000, 'objects')
    t:ok(report.scan.bytes / report.scan.objects < 1000, 'memory')
    t:ok(report.timings_ms.scan > 0, 'time')
end)

case('without address reader and list of threads the scan finds the same', function(t)
    local app = start(GET)
    hold({f = app.require('@').get, list = {}})
    held().list[held().f] = true
    app.update()
    local report = lib.load('commands.reload', {
        ['scan.address'] = {reader = function() return nil end, format = lib.load('scan.address').format},
        ['platform.fibers'] = setmetatable({threads = function() return nil end}, {
            __index = lib.load('platform.fibers'),
        }),
    })({command = 'reload', timeout = 60})
    t:is(places(report), '+global | global held.f; -key | key of global held.list', 'places')
    t:is(held().f(), 'v2', 'patched')
    t:is(#lib.unchecked(report), 1, 'what could not be told')
    t:like(lib.unchecked(report)[1], 'the fiber ids', 'is told')
end)

case('--stale=report changes nothing, --stale=fail fails', function(t)
    local app = start(GET)
    hold({f = app.require('@').get, g = code('return function() end')})
    app.update()
    local report = lib.reload({stale = 'report'})
    t:is(report.outcome, 'reloaded', 'report: outcome')
    t:is(places(report), '-global | global held.f', 'report: places')
    t:is(reasons(report), 'nil', 'report: no reason')
    t:is(held().f(), 'v1', 'report: as it was')
    app.update('return {}')
    report = lib.reload({stale = 'fail'})
    t:is(report.outcome, 'stale', 'fail: outcome')
    t:is(report.error.code, 'stale_references', 'fail: code')
    t:is(report.error.phase, 'scan', 'fail: phase')
    t:is(report.error.message, '1 stale reference remains', 'fail: message')
    t:is(report.generation, 2, 'the generation that has taken over')
    t:is(reasons(report), 'the new code has no get', 'fail: reason')
    t:is(lib.stash().last.outcome, 'stale', 'fail: remembered')
    report = lib.reload({stale = 'patch'})
    t:is(report.outcome, 'reloaded', 'patch: outcome')
    t:is(places(report), '-global | global held.f', 'patch: places')
end)

case('what could not be checked is reported', function(t)
    local app = start('return {get = function() coroutine.yield() end}')
    local deep = coroutine.create(code([[
        local function deep(n) if n == 0 then coroutine.yield() return 0 end return (deep(n - 1)) end
        return deep
    ]]))
    coroutine.resume(deep, 1000)
    hold({coroutine.create(app.require('@').get), deep})
    local report = lib.reload()
    t:ok(lib.mentions(report.scan.unchecked, '1 coroutine that has not started'), 'a coroutine')
    t:ok(lib.mentions(report.scan.unchecked, 'the deepest frames of 1 stack'), 'a stack')
    hold({coroutine.create(print), coroutine.create(print)})
    report = lib.reload()
    t:ok(lib.mentions(report.scan.unchecked, '2 coroutines that have not started'), 'two of them')
end)

case('further passes take no more memory than one', function(t)
    local app = start(GET)
    local list = {}
    for i = 1, 300000 do
        list[i] = {i}
    end
    hold(list)
    app.update()
    lib.reload()
    local stale = lib.load('commands.stale')
    collectgarbage()
    collectgarbage()
    collectgarbage('stop')
    lib.defer(function() collectgarbage('restart') end)
    local before = collectgarbage('count')
    local report = stale({timeout = 60})
    local each = (collectgarbage('count') - before) * 1024 / report.scan.objects
    t:ok(report.scan.passes > 1, ('%d passes'):format(report.scan.passes))
    t:ok(each < 50, ('%d bytes an object'):format(each))
end)

case('the scan waits for a request that runs old code', function(t)
    local app = start([[
        local fiber = require('fiber')
        return {get = function() fiber.sleep(0.1) return '%v' end}
    ]])
    local result
    fiber.create(code('local get, done = ... return function() done((get())) end', app.require('@').get,
        function(value) result = value end))
    app.update()
    local report = lib.reload({stale = 'fail'})
    t:is(report.outcome, 'reloaded', 'outcome: ' .. places(report))
    t:is(result, 'v1', 'it ended well')
end)

case('a fiber that runs old code and does not end is reported', function(t)
    local app = start([[
        local fiber = require('fiber')
        return {get = function() repeat pcall(fiber.sleep, 0.01) until rawget(_G, 'is_over') end}
    ]])
    local object
    object = fiber.new(code([[
        local get, fiber = ...
        return function()
            fiber.name('stuck')
            local result = get()
            return result
        end
    ]], app.require('@').get, fiber))
    lib.defer(function() debug.sethook() end)
    -- Some servers do not exit before this fiber ends.
    lib.defer(function()
        rawset(_G, 'is_over', true)
        lib.wait(function() return object:status() == 'dead' end)
        rawset(_G, 'is_over', nil)
    end)
    fiber.sleep(0)
    app.update()
    local report = lib.reload()
    t:like(places(report), ('-fiber | fiber %d "stuck"'):format(object:id()), 'named')
    t:like(reasons(report), 'it is running', 'reason')
    t:ok(report.scan.complete, 'and the scan ends')
end)

case('a coroutine that is never resumed does not make the scan wait', function(t)
    local app = start('return {get = function() coroutine.yield() return "%v" end}')
    hold(coroutine.create(app.require('@').get))
    coroutine.resume(held())
    app.update()
    -- Waits for the condition, not for a time: the processor may be busy.
    local waited, sleep = 0, fiber.sleep
    lib.defer(function() fiber.sleep = sleep end)
    fiber.sleep = function(seconds)
        waited = waited + seconds
        sleep(seconds)
    end
    local report = lib.reload()
    t:like(places(report), '-coroutine | coroutine in global held', 'named')
    t:ok(waited < 0.5, ('%.3f s'):format(waited))
end)

case('a dead coroutine is no place', function(t)
    local app = start('return {get = function() error("x") end}')
    hold(coroutine.create(app.require('@').get))
    coroutine.resume(held())
    app.update()
    local report = lib.reload()
    t:is(places(report), '', 'no place')
end)

case('objects that cannot be described do not hide others', function(t)
    local app = start(GET)
    local get = app.require('@').get
    local function throw() error('called') end
    local mt = {__tostring = throw, __index = throw, __eq = throw, __pairs = throw, __len = throw,
        __newindex = throw, __metatable = throw, __concat = throw}
    hold({
        route = {path = '/x', method = setmetatable({}, mt), sub = get},
        [setmetatable({}, mt)] = {get},
        object = setmetatable({get = get}, mt),
        plain = get,
        ['\255\254 \27[0m\n'] = get,
        [('k'):rep(100000)] = get,
    })
    get = nil -- luacheck: ignore
    app.update()
    local report = lib.reload()
    t:is(report.scan and report.scan.complete, true, 'complete')
    t:is(#(report.stale or {}), 6, 'places')
    t:is(held().plain(), 'v2', 'patched')
    t:is(rawget(held().object, 'get')(), 'v2', 'patched')
    for _, place in ipairs(report.stale or {}) do
        t:ok(#place.where < 300, 'of some length')
    end
end)

case('references beyond the limit of the list are counted', function(t)
    local app = start('return {get = function() end, put = function() end}')
    hold({})
    for i = 1, 5500 do
        held()['k' .. i] = {app.require('@').get, [3] = app.require('@').put}
    end
    app.update('return {get = function() end}')
    local report = lib.reload()
    local patched, left = 0, 0
    for _, place in ipairs(report.stale) do
        if place.patched then
            patched = patched + 1
        else
            left = left + 1
        end
    end
    t:is(left + report.scan.more, 5500, 'all that are left are counted')
    t:ok(lib.mentions(report.warnings, ('%d more patched places are not listed'):format(5500 - patched)),
        'and the others')
    t:ok(patched + left >= 1000, 'and most are listed')
    local unpatched = 0
    for _, item in pairs(held()) do
        unpatched = unpatched + (item[1] == app.require('@').get and 0 or 1)
    end
    t:is(unpatched, 0, 'all were patched that could be')
end)

case('a heap above the limit is not scanned', function(t)
    local app = start(GET)
    hold({f = app.require('@').get})
    app.update()
    local real = collectgarbage
    rawset(_G, 'collectgarbage', function(what, ...)
        if what == 'count' then
            return 100 * 1024 * 1024
        end
        return real(what, ...)
    end)
    lib.defer(function() rawset(_G, 'collectgarbage', real) end)
    local why = lib.load('scan.init').refusal()
    local report = lib.reload({stale = 'fail'})
    rawset(_G, 'collectgarbage', real)
    t:like(why, '102400 MB', 'why')
    t:is(report.outcome, 'stale', 'outcome')
    t:is(report.error.code, 'scan_incomplete', 'code')
    t:is(report.error.message, why, 'message')
    t:ok(lib.mentions(report.warnings, why), 'warning')
    t:is(report.scan, nil, 'no scan')
    t:is(held().f(), 'v1', 'nothing was patched')
    t:is(app.require('@').get(), 'v2', 'but the new code serves')
    t:is(lib.load('scan.init').refusal(), nil, 'usually there is no reason')
end)

case('a scan that runs out of time is reported', function(t)
    local app = start(GET)
    local heap = {}
    for i = 1, 300000 do
        heap[i] = {{}}
    end
    hold(heap)
    app.update()
    local load = lib.loader()
    local stash = load('core.stash')
    lib.reload()
    local report = {outcome = 'reloaded'}
    load('scan.init').finish(report, {
        stash = stash.get(),
        deadline = clock.monotonic() + 0.02,
        counterparts = load('scan.counterparts').new(stash.get()),
    }, 'fail')
    t:is(report.outcome, 'stale', 'outcome')
    t:is(report.error.code, 'scan_incomplete', 'code')
    t:is(report.scan.complete, false, 'not complete')
    t:ok(lib.mentions(report.warnings, 'out of time'), 'warning')
    report = {outcome = 'reloaded', warnings = {'first'}}
    load('scan.init').finish(report, {
        stash = stash.get(),
        deadline = clock.monotonic() + 0.02,
        counterparts = load('scan.counterparts').new(stash.get()),
    }, 'patch')
    t:is(report.outcome, 'reloaded', 'only --stale=fail minds')
    t:is(report.warnings[1], 'first', 'beside other warnings')
    t:is(#report.warnings, 2, 'the warning is there')
end)

case('an error of the scan does not fail the reload', function(t)
    local app = start(GET)
    app.update()
    local function reload(stale)
        return lib.load('commands.reload', {['scan.roots'] = {collect = function() error('boom', 0) end}})({
            command = 'reload', timeout = 60, stale = stale,
        })
    end
    local report = reload('patch')
    t:is(report.outcome, 'reloaded', 'outcome')
    t:ok(lib.mentions(report.warnings, 'boom'), 'warning')
    report = reload('fail')
    t:is(report.outcome, 'stale', '--stale=fail')
    t:is(report.error.code, 'scan_incomplete', 'code')
    t:is(lib.load('core.stash').holder(), nil, 'the lock was given back')
end)

case('a cancelled scan is reported with what it has patched', function(t)
    local app = start(GET)
    hold({f = app.require('@').get, heap = {}})
    for i = 1, 300000 do
        held().heap[i] = {}
    end
    app.update()
    local report
    fiber.create(function()
        report = lib.reload()
    end)
    local worker
    lib.wait(function()
        for id, info in pairs(fiber.info({backtrace = false, bt = false})) do
            if info.name == 'cartridge-reload' and lib.stash() and lib.stash().generation == 1 then
                worker = fiber.find(id)
            end
        end
        return worker
    end)
    t:ok(lib.wait(function() return held().f() == 'v2' end), 'patched before')
    worker:cancel()
    t:ok(lib.wait(function() return report end), 'it ends')
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(places(report), '+global | global held.f', 'and told')
    t:ok(lib.mentions(report.warnings, 'cancelled'), 'warning')
    t:is(lib.load('core.stash').holder(), nil, 'the lock was given back')
end)

case('a degraded reload stays degraded', function(t)
    local report = {outcome = 'degraded', error = {code = 'commit_failed'}}
    local app = start(GET)
    hold({f = app.require('@').get})
    app.update('return {}')
    lib.reload({stale = 'report'})
    local load = lib.loader()
    load('scan.init').finish(report, {
        stash = lib.stash(),
        deadline = clock.monotonic() + 10,
        counterparts = load('scan.counterparts').new(lib.stash()),
    }, 'fail')
    t:is(report.outcome, 'degraded', 'outcome')
    t:is(report.error.code, 'commit_failed', 'error')
    t:is(#report.stale, 1, 'with its places')
end)

case('a heap that keeps changing is scanned to an end', function(t)
    local app = start(GET)
    hold({f = app.require('@').get, changing = {}})
    -- At any time half of the keys exist, a different half each time.
    local keys, count = {}, 100000
    for i = 0, count - 1 do
        keys[i] = 'k' .. i
        held().changing[keys[i]] = i < count / 2 and {} or nil
    end
    local stop, number = false, 0
    lib.defer(function() stop = true end)
    fiber.create(code([[
        local held, fiber, go_on = ...
        return function()
            while go_on() do
                fiber.sleep(0)
            end
        end
    ]], held(), fiber, function()
        for _ = 1, 200 do
            held().changing[keys[number % count]] = nil
            held().changing[keys[(number + count / 2) % count]] = {number}
            number = number + 1
        end
        return not stop
    end))
    app.update()
    local report = lib.reload({stale = 'fail'})
    stop = true
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(report.scan.complete, true, 'complete')
    t:ok(report.scan.passes <= 3, 'within bounds')
    t:is(held().f(), 'v2', 'patched')
end)

case('references that move during the scan are found', function(t)
    local app = start(GET)
    hold({a = {}, b = {}})
    for i = 1, 100000 do
        held()[i] = {}
    end
    held().a.f = app.require('@').get
    local stop = false
    lib.defer(function() stop = true end)
    fiber.create(function()
        while not stop do
            held().a.f, held().b.f = held().b.f, held().a.f
            fiber.sleep(0)
        end
    end)
    app.update()
    lib.reload()
    stop = true
    t:is((held().a.f or held().b.f)(), 'v2', 'patched')
end)

case('the scan leaves no references of its own', function(t)
    local app = start('local M = {} function M.get() end function M.put() return M end return M')
    hold({app.require('@').get, [3] = app.require('@').put})
    local weak = setmetatable({app.require('@'), held()[1]}, {__mode = 'v'})
    -- The scan must not find it: it skips only code of the program.
    local guard = assert(loadstring('local weak = ... return function() return weak end',
        '@cartridge-reload/test.lua'))(weak)
    weak = nil -- luacheck: ignore
    app.update('return {get = function() end}')
    local report = lib.reload()
    t:is(places(report), '+global | global held[1]; -global | global held[3]', 'one is left')
    held()[3] = nil
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(next(guard()), nil, 'all of the old generation is gone')
end)

lib.run()
