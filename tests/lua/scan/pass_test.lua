-- scan/pass.lua: what a scan does with each reference to old code.

local clock = require('clock')
local ffi = require('ffi')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.pass')
local apps = assert(loadfile('tests/lua/scan/stale_lib.lua'))(lib)

lib.box()

local hold, held, code, start = apps.hold, apps.held, apps.code, apps.start
local GET, places, reasons = apps.GET, apps.places, apps.reasons

case('references in tables, upvalues and environments are patched', function(t)
    local app = start(GET)
    local get = app.require('@').get
    hold({
        field = get,
        list = {get},
        upvalue = code('local get = ... return function() return get() end', get),
        environment = setfenv(code('return function() return get() end'), {get = get}),
        object = setmetatable({}, {__index = get}),
        co = coroutine.create(code('return function(f) coroutine.yield() return f() end')),
    })
    coroutine.resume(held().co, get)
    get = nil -- luacheck: ignore
    app.update()
    local report = lib.reload({stale = 'fail'})
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(places(report), table.concat({
        '+environment | environment of function .rocks/share/tarantool/rock.lua:1.get',
        '+global | global held.field',
        '+global | global held.list[1]',
        '+local | local f of global held.co at .rocks/share/tarantool/rock.lua:1',
        '+metatable | metatable __index of global held.object',
        '+upvalue | upvalue get of function .rocks/share/tarantool/rock.lua:1',
    }, '; '), 'places')
    t:is(held().field(), 'v2', 'field')
    t:is(held().list[1](), 'v2', 'list')
    t:is(held().upvalue(), 'v2', 'upvalue')
    t:is(held().environment(), 'v2', 'environment')
    t:is(held().object.x, 'v2', 'metatable')
    t:is(select(2, coroutine.resume(held().co)), 'v2', 'local')
    for _, place in ipairs(report.stale) do
        t:is(place['function'], app.path('@') .. ':1', 'function')
        t:is(place.name, 'get', 'name')
    end
end)

--- A module moves to another directory, after it was reloaded or before.
local function move(t, has_name)
    local app = lib.app({['@.part'] = 'return {Class = {get = function() return "v1" end}}'})
    local name = app.name .. '.part'
    app.require('@.part')
    local _ = has_name and lib.reload({modules = {name}})
    hold(code('return {f = (...).Class.get}', app.require('@.part')))
    app.remove('@.part')
    local other = lib.directory()
    lib.write(('%s/%s/part.lua'):format(other, app.name), 'return {Class = {get = function() return "v2" end}}')
    package.path = other .. '/?.lua;' .. package.path
    local report = lib.reload({modules = {name}, stale = 'report'})
    t:is(report.modules[1].path, ('%s/%s/part.lua'):format(other, app.name), 'it has moved')
    t:is(places(report), '-global | global held.f', 'the old one is found')
    t:is(report.stale[1].name, 'Class.get', 'with its name')
    t:is(places(lib.load('commands.stale')({timeout = 10})), '-global | global held.f', 'at any time')
    t:is(places(lib.reload({modules = {name}})), '+global | global held.f', 'and patched')
    t:is(held().f(), 'v2', 'by the new one')
end

case('old code is recognised by its file even if the new one is elsewhere', function(t)
    move(t, false)
end)

case('a moved file is recognised after an earlier reload, too', function(t)
    move(t, true)
end)

case('a function that was left is patched when its name comes back', function(t)
    local app = start(GET)
    hold({f = app.require('@').get})
    app.update('return {}')
    t:is(places(lib.reload()), '-global | global held.f', 'gone')
    app.update()
    local report = lib.reload()
    t:is(places(report), '+global | global held.f', 'back')
    t:is(held().f(), 'v2', 'patched')
end)

case('an uncertain counterpart is not used', function(t)
    local app = start([[
        local M = {}
        do local function cb() return '%v a' end function M.a() return cb end end
        do local function cb() return '%v b' end function M.b() return cb end end
        function M.make(x) return function() return '%v ' .. x end end
        function M.group() end
        return M
    ]])
    local m = app.require('@')
    hold({a = m.a(), b = m.b(), made = m.make('x'), group = m.group})
    m = nil -- luacheck: ignore
    app.update([[
        local M = {group = {}}
        do local function cb() return '%v a' end function M.a() return cb end end
        function M.make(x) return function() return '%v ' .. x end end
        return M
    ]])
    local report = lib.reload()
    t:is(places(report), '+global | global held.a; -global | global held.b; -global | global held.group; '
        .. '-global | global held.made', 'only what is certain')
    t:is(held().a(), 'v2 a', 'the local function of the same function')
    t:is(held().b(), 'v1 b', 'as it was')
    t:is(held().made(), 'v1 x', 'a closure keeps its data')
    t:like(reasons(report), 'group is a table in the new code', 'reason')
end)

case('a wrapper around an old function does not get to call itself', function(t)
    hold({handle = code('return function() return "rock" end')})
    local app = start([[
        local M, original = {}, held.handle
        function M.handle() return '%v ' .. original() end
        held.handle = M.handle
        return M
    ]])
    t:is(held().handle(), 'v1 rock', 'before')
    app.update()
    lib.reload()
    local ok, result = pcall(held().handle)
    t:ok(ok, 'no error: ' .. tostring(result):sub(1, 100))
    t:like(result, '^v2 .*rock$', 'wrapped')
    lib.reload()
    ok, result = pcall(held().handle)
    t:ok(ok, 'nor after another reload')
    t:like(result, '^v2 .*rock$', 'wrapped')
end)

case('a wrapper that keeps the old function in a table does not get to call itself', function(t)
    hold({handle = code('return function() return "rock" end')})
    local app = start([[
        local M, originals = {}, {handle = held.handle}
        local function call() return originals.handle() end
        function M.handle() return '%v ' .. call() end
        held.handle = M.handle
        return M
    ]])
    app.update()
    lib.reload()
    local ok, result = pcall(held().handle)
    t:ok(ok, 'no error: ' .. tostring(result):sub(1, 100))
    t:like(result, '^v2 .*rock$', 'wrapped')
end)

case('a wrapper that shows the old function in its module or a fiber does not get to call itself', function(t)
    hold({handle = code('return function() return "rock" end')})
    local app = start([[
        local fiber = require('fiber')
        local M = {original = held.handle}
        function M.handle() return '%v ' .. M.original() end
        held.handle = M.handle
        fiber.create(function()
            local original = M.original
            fiber.name('keeps')
            while held ~= nil do
                fiber.sleep(0.01)
                held.called = original
            end
        end)
        return M
    ]])
    app.update()
    local report = lib.reload()
    local ok, result = pcall(held().handle)
    t:ok(ok, 'no error: ' .. tostring(result):sub(1, 100))
    t:is(result, 'v2 rock', 'wrapped')
    held().called = nil
    t:ok(lib.wait(function() return held().called end), 'the fiber runs')
    ok, result = pcall(held().called)
    t:is(ok and result, 'v1 rock', 'and has what it had')
    t:like(reasons(report), 'the new code now uses it', 'told')
end)

case('an error handler in use is patched', function(t)
    local app = start('return {on_error = function(err) return "%v" end}')
    local result, go
    fiber.create(code([[
        local on_error, wait, done = ...
        return function()
            local handler = on_error
            on_error = nil
            local run = function() wait() error('x') end
            done((select(2, xpcall(run, handler))))
        end
    ]], app.require('@').on_error, function()
        lib.wait(function() return go end)
    end, function(value) result = value end))
    app.update()
    lib.reload()
    go = true
    t:ok(lib.wait(function() return result end), 'called')
    t:is(result, 'v2', 'the new one')
end)

case('existing and new objects get the methods of their new class', function(t)
    local app = start([[
        local Class = {} Class.__index = Class
        function Class.run() return '%v' end
        return {new = function() return setmetatable({}, Class) end}
    ]])
    hold(app.require('@').new())
    app.update([[
        local Class = {} Class.__index = Class
        function Class:run() return '%v ' .. self:step() end
        function Class.step() return 'step' end
        return {new = function() return setmetatable({}, Class) end}
    ]])
    local report = lib.reload()
    local ok, result = pcall(held().run, held())
    t:is(ok and result, 'v2 step', 'serves: ' .. tostring(result))
    t:is(places(report), '+metatable | metatable of global held', 'it has the new class')
    t:is(getmetatable(held()), getmetatable(app.require('@').new()), 'as new objects have')
end)

case('a class that waits for the next pass is reported if the pass fails', function(t)
    local app = start([[
        local Class = {} function Class.run() return '%v' end
        return {Class = Class, new = function() return setmetatable({}, {__index = Class}) end}
    ]])
    hold(app.require('@').new())
    app.update()
    local real = lib.load('scan.duplicates')
    local stub = setmetatable({new = function(...)
        local self = real.new(...)
        function self.resolve() error('no more', 0) end
        return self
    end}, {__index = real})
    local report = lib.loader({['scan.duplicates'] = stub})('commands.reload')({command = 'reload', timeout = 60})
    t:is(report.scan.complete, false, 'incomplete')
    t:is(places(report), '-metatable | metatable __index of global held', 'places')
end)

case('a list is not extended', function(t)
    local app = start([[
        local M = {} function M.a() return '%v a' end function M.b() return '%v b' end
        M.steps = {M.a, M.b}
        return M
    ]])
    hold(app.require('@').steps)
    app.update([[
        local M = {} function M.a() return '%v a' end function M.b() return '%v b' end
        function M.c() return '%v c' end
        M.steps = {M.c, M.a, M.b}
        return M
    ]])
    lib.reload()
    local list = {}
    for i, f in ipairs(held()) do
        list[i] = f()
    end
    t:is(table.concat(list, ', '), 'v2 a, v2 b', 'no function twice')
end)

case('a table with functions as keys and as fields is patched', function(t)
    local text = [[
        local C = {}
        for _, name in ipairs({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) do
            C[name] = function() return '%v' end
            C[C[name]\] = name
        end
        return {C = C}
    ]]
    text = text:gsub('\\', '')
    local app = start(text)
    hold(app.require('@').C)
    app.update((text:gsub('return {C', 'function C.more() end return {C')))
    local report = lib.reload()
    t:ok(not places(report):find('-', 1, true), 'nothing is left: ' .. reasons(report))
    local count = 0
    for key, value in pairs(held()) do
        count = count + 1
        if type(key) == 'function' then
            t:is(key(), 'v2', 'key')
            t:is(held()[value], key, 'the same as the field')
        end
    end
    t:is(count, 17, 'entries')
end)

case('a running loop over a table visits all of it', function(t)
    local names = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}
    local app = start([[
        local M = {}
        for _, name in ipairs({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) do
            M[name] = function() return '%v' end
        end
        return M
    ]])
    for _, loop in ipairs({'pairs(list)', 'next, list'}) do
        hold({})
        for _, name in ipairs(names) do
            held()[app.require('@')[name]] = name
        end
        local seen = {}
        local runner = fiber.new(code(([[
            local list, seen, fiber = ...
            return function()
                for _, name in %s do
                    table.insert(seen, name)
                    fiber.sleep(0.01)
                end
            end
        ]]):format(loop), held(), seen, fiber))
        runner:set_joinable(true)
        fiber.sleep(0)
        app.update()
        local report = lib.reload()
        local ok, err = runner:join()
        t:ok(ok, loop .. ': no error ' .. tostring(err))
        table.sort(seen)
        t:is(table.concat(seen, ' '), table.concat(names, ' '), 'each listener once')
        t:ok(#report.stale >= #names, 'what is left is told')
    end
end)

case('other fibers run while very many keys are patched', function(t)
    local app = start(GET)
    hold({})
    for i = 1, 60000 do
        held()[i] = {[app.require('@').get] = i}
    end
    local longest, stop = 0, false
    lib.defer(function() stop = true end)
    fiber.create(function()
        local last = clock.thread()
        while not stop do
            fiber.sleep(0)
            longest, last = math.max(longest, clock.thread() - last), clock.thread()
        end
    end)
    app.update()
    local report = lib.reload()
    stop = true
    t:ok(longest < 0.15, ('%.3f s at once'):format(longest))
    t:is(report.scan.complete, true, 'all of them')
    t:is(report.scan.more, 60000 - 5000, 'which are told')
end)

case('methods are not added to a table that a loop is running over', function(t)
    local app = start([[
        local Class = {}
        for _, name in ipairs({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) do
            Class[name] = function() return '%v' end
        end
        return {Class = Class}
    ]])
    hold({class = app.require('@').Class})
    local seen = {}
    local runner = fiber.new(code([[
        local class, seen, fiber = ...
        return function()
            for name in pairs(class) do
                table.insert(seen, name)
                fiber.sleep(0.01)
            end
        end
    ]], held().class, seen, fiber))
    runner:set_joinable(true)
    fiber.sleep(0)
    app.update([[
        local Class = {}
        for _, name in ipairs({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}) do
            Class[name] = function() return '%v' end
        end
        for i = 1, 100 do
            Class['new' .. i] = function() return '%v' end
        end
        return {Class = Class}
    ]])
    lib.reload()
    t:ok(runner:join(), 'no error')
    table.sort(seen)
    t:is(table.concat(seen, ' '), 'a b c d e f g h', 'each method once')
end)

case('a class that is merged is reported once', function(t)
    local app = start('return {Class = {run = function() end, gone = function() end}}')
    hold({class = app.require('@').Class})
    app.update('return {Class = {run = function() end, more = function() end}}')
    local report = lib.reload()
    t:is(places(report), '+global | global held.class.more; +global | global held.class.run; '
        .. '-global | global held.class.gone', 'places')
    t:is(report.scan.more, 0, 'no more')
end)

case('a trigger that is left is reported once, by its name', function(t)
    local app = start('return {get = function() end}')
    local space = box.schema.space.create('scan_test')
    space:create_index('pk')
    lib.defer(function() space:drop() end)
    local stash = lib.load('core.stash').get()
    space:on_replace(app.require('@').get)
    app.update('return {}')
    lib.reload()
    t:is(#space:on_replace(), 0, 'one that nothing stands for goes')
    -- Old code may set it again.
    hold({get = nil})
    app.update('return {get = function() end}')
    lib.reload()
    local old = app.require('@').get
    app.update('return {}')
    lib.reload()
    space:on_replace(old)
    old = nil -- luacheck: ignore
    local report = {outcome = 'reloaded'}
    lib.load('scan.init').finish(report, {
        stash = stash,
        deadline = clock.monotonic() + 10,
        counterparts = lib.load('scan.counterparts').new(stash),
    }, 'patch')
    t:is(places(report), '-trigger | trigger on_replace of space scan_test', 'places')
end)

case('a loop that begins during the walk visits all of its table', function(t)
    local app = start([[
        local M = {}
        for i = 1, 40 do M['f' .. i] = function() return '%v' end end
        return M
    ]])
    hold({listeners = {}, heap = {}})
    for i = 1, 40 do
        held().listeners[app.require('@')['f' .. i]] = i
    end
    for i = 1, 200000 do
        held().heap[i] = {}
    end
    local sum, turns = 0, 0
    local runner = fiber.new(code([[
        local list, fiber, is_begun, see = ...
        return function()
            while not is_begun() do
                fiber.sleep(0)
            end
            fiber.sleep(0.03)
            for _, number in pairs(list) do
                see(number)
                fiber.sleep(0.01)
            end
        end
    ]], held().listeners, fiber, function()
        return lib.stash() ~= nil and lib.stash().generation == 1
    end, function(number)
        sum, turns = sum + 2 ^ number, turns + 1
    end))
    runner:set_joinable(true)
    app.update()
    lib.reload()
    t:ok(runner:join(), 'no error')
    t:is(turns, 40, 'turns')
    t:is(sum, 2 ^ 41 - 2, 'each once')
end)

case('two functions in one list are both patched', function(t)
    local app = start(GET)
    local get = app.require('@').get
    hold({get, get, print})
    get = nil -- luacheck: ignore
    app.update()
    local report = lib.reload()
    t:is(places(report), '+global | global held[1]; +global | global held[2]', 'both')
    t:is(held()[1]() .. held()[2](), 'v2v2', 'patched')
    t:is(held()[3], print, 'others stay')
end)

case('a list to which new code has added itself has one function of it', function(t)
    hold({})
    local app = start('local M = {} function M.get() return "%v" end table.insert(held, M.get) return M')
    app.update()
    local report = lib.reload()
    t:is(places(report), '+global | global held[1]', 'told')
    t:is(reasons(report), 'removed: the new code registered its own', 'reason')
    t:is(#held(), 1, 'once')
    t:is(held()[1](), 'v2', 'the new one')
end)

case('references held only by old code are ignored', function(t)
    local app = start([[
        local M, state = {}, {}
        function M.get() return state end
        state.list, state.get = {M.get}, M.get
        return M
    ]])
    hold({f = app.require('@').get})
    app.update('return {}')
    t:is(places(lib.reload()), '-global | global held.f', 'one place')
end)

case('triggers of the main script are patched at their position', function(t)
    local app = start(GET)
    local function other() end
    box.session.on_connect(other)
    box.session.on_connect(app.require('@').get)
    lib.defer(function()
        for _, f in ipairs(box.session.on_connect()) do
            box.session.on_connect(nil, f)
        end
    end)
    local first = box.session.on_connect()[1] == other
    app.update()
    local report = lib.reload()
    t:is(places(report), '+trigger | trigger box.session.on_connect', 'place')
    t:is(#box.session.on_connect(), 2, 'as many')
    t:is(box.session.on_connect()[first and 1 or 2], other, 'the other at its place')
    t:is(box.session.on_connect()[first and 2 or 1], app.require('@').get, 'the new one')
    t:is(lib.reload().outcome, 'reloaded', 'again')
    t:is(#box.session.on_connect(), 2, 'still there after another reload')
    t:is(lib.reload({stale = 'fail'}).outcome, 'reloaded', 'and nothing is left')
end)

case('methods of C types, finalizers and compiled code are patched', function(t)
    ffi.cdef('struct scan_test { int x; };')
    local app = start('local M = {} function M.get() return "%v" end function M.free() end return M')
    local methods = {get = app.require('@').get}
    local ctype = ffi.metatype('struct scan_test', {__index = methods})
    local object = ctype()
    hold({ffi.gc(ffi.new('int[1]'), app.require('@').free)})
    methods = nil -- luacheck: ignore
    local function loop()
        local last
        for _ = 1, 200 do
            last = object:get()
        end
        return last
    end
    for _ = 1, 20 do
        loop()
    end
    app.update()
    local report = lib.reload()
    t:like(places(report), '+ctype | metatype __index.get of ctype scan_test', 'type')
    if lib.tells_finalizers() then
        t:like(places(report), '+finalizer | finalizer of a cdata object', 'finalizer')
    else
        t:ok(lib.mentions(report.scan.unchecked, 'finalizers of cdata objects'), 'finalizers are not told')
    end
    t:is(loop(), 'v2', 'compiled code too')
    t:is(#held(), 1, 'the object is there')
end)

case('a compiled loop over an upvalue calls the new function', function(t)
    local app = start('local M = {} function M.get() return 0 + ("%v"):sub(2) end return M')
    local loop = code([[
        local get = ...
        return function() local sum = 0 for _ = 1, 200 do sum = sum + get() end return sum end
    ]], app.require('@').get)
    hold({loop = loop})
    for _ = 1, 50 do
        loop()
    end
    app.update()
    lib.reload()
    t:is(loop(), 400, 'all of them')
end)

for _, item in ipairs({
    {registered = {'b', 'a'}, again = 'a', expected = 'b v2, a v2'},
    {registered = {'b', 'a'}, again = 'c', expected = 'b v2, a v2, c v2'},
    {registered = {'a'}, again = 'c', expected = 'c v2'},
}) do
    case(('what is registered as %s, when %s is registered again'):format(
        table.concat(item.registered, ' and '), item.again), function(t)
        hold({list = {}})
        local app = start('local M = {} function M.run() return "%v" end '
            .. 'function M.add(name, f) held.list[#held.list + 1] = {name = name, run = f} end '
            .. ('if held.list[1] then M.add("%s", M.run) end return M'):format(item.again))
        local module = app.require('@')
        for _, name in ipairs(item.registered) do
            module.add(name, module.run)
        end
        app.update()
        lib.reload()
        local names = {}
        for _, entry in ipairs(held().list) do
            table.insert(names, entry.name .. ' ' .. entry.run())
        end
        t:is(table.concat(names, ', '), item.expected, 'each is there once')
    end)
end

case('a copy of a current function is not stale, even without the original', function(t)
    hold({})
    local app = start('held.copy = loadstring(string.dump(function() return "%v" end)) return {}')
    app.update()
    t:is(places(lib.reload()), '', 'in the reload')
    collectgarbage()
    collectgarbage()
    t:is(places(lib.load('commands.stale')({timeout = 60})), '', 'in a later scan')
    t:is(held().copy(), 'v2', 'it is the new one')
end)

case('what a request registers after the commit is not registered again', function(t)
    hold({load = {}, asked = {}})
    local app = start('local M = {} '
        .. 'held.load[#held.load + 1] = function() return "%v" end '
        .. 'function M.ask() held.asked[#held.asked + 1] = {run = function() return "%v" end} end return M')
    app.require('@').ask()
    app.update()
    local is_done = false
    fiber.create(function()
        local before = app.loaded('@')
        while rawequal(app.loaded('@'), before) do
            fiber.sleep(0)
        end
        app.loaded('@').ask()
        is_done = true
    end)
    lib.reload()
    t:ok(is_done, 'a request came before the scan')
    t:is(#held().load, 1, 'what was registered again')
    t:is(held().load[1](), 'v2', 'is the new one')
    t:is(#held().asked, 2, 'what waits goes on waiting')
    t:is(held().asked[1].run(), 'v1', 'with the code that it began with')
end)

lib.run()
