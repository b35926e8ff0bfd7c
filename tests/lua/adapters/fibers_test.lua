-- adapters/fibers.lua and fibers.lua: which fibers end with a generation.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.fibers')

lib.box()

local FILE = '/app/loops.lua'
local LOOP = [[
    local fiber = require('fiber')
    return function(name)
        fiber.name(name or 'loop')
        while true do fiber.sleep(0.01) end
    end
]]

--- Ends fibers after the case that may be left of it.
local function doom(object)
    lib.defer(function()
        pcall(object.cancel, object)
    end)
    return object
end

local function is_dead(object)
    return object:status() == 'dead'
end

local function names(list)
    local texts = {}
    for _, item in ipairs(list) do
        table.insert(texts, item.name)
    end
    table.sort(texts)
    return table.concat(texts, ' ')
end

-- What the sources find where the server does not tell where a fiber is.
local function without_fiber_self()
    local ffi = require('ffi')
    return setmetatable({C = {}}, {__index = ffi})
end

--- @tparam ?boolean by_backtraces as on servers that do not tell more
local function begin(by_backtraces)
    local load = lib.loader({ffi = by_backtraces and without_fiber_self() or nil})
    local txn = lib.transaction(load)
    txn.origin:forget(FILE)
    local adapter = load('adapters.fibers').new(txn)
    txn:add(adapter)
    return txn, adapter
end

local function commit(txn)
    txn:commit()
    assert(txn.commit_error == nil, txn.commit_error)
end

case('the functions of every fiber are known, the entry last', function(t)
    local fibers = lib.load('platform.fibers')
    local loop = lib.old_code(LOOP, FILE)()
    local object = doom(fiber.create(loop, 'seen'))
    local list = fibers.inspect()
    local found
    for _, item in ipairs(list) do
        if item.id == object:id() then
            found = item
        end
        t:ok(item.id ~= fiber.id(), 'not the running one')
    end
    t:ok(found ~= nil, 'found')
    t:is(found.name, 'seen', 'name')
    t:is(found.frames[#found.frames].func, loop, 'entry')
    t:like(found.frames[#found.frames].where, 'loops.lua:%d+', 'place')
end)

case('every fiber has its coroutine', function(t)
    for i = 1, 100 do
        doom(fiber.create(function() fiber.sleep(100) end)):name('sleeper')
        -- Gaps in the list of fibers, and structures that are used again.
        if i % 3 == 0 then
            fiber.create(function() fiber.sleep(0) end)
        end
    end
    fiber.sleep(0.01)
    local fibers = lib.load('platform.fibers')
    local with, ids = fibers.threads(), {}
    t:ok(with ~= nil, 'this build tells')
    for _, item in ipairs(with) do
        ids[item.id] = item.thread
    end
    local count = 0
    for _, item in ipairs(fibers.list_all()) do
        local info = ids[item.id] and debug.getinfo(ids[item.id], 1, 'S')
        if item.name == 'sleeper' and info ~= nil and info.source:find('fibers_test') then
            count = count + 1
        end
    end
    t:is(count, 100, 'each its own')
end)

case('a list that is not that of the server is not believed', function(t)
    local function threads(change)
        local seen = table.copy(fiber)
        seen.info = function(...)
            local info = fiber.info(...)
            change(info)
            return info
        end
        return lib.loader({fiber = seen})('platform.fibers').threads()
    end
    t:ok(threads(function() end) ~= nil, 'as it is')
    t:is(threads(function(info) info[1e9] = {name = 'more'} end), nil, 'one that is not in it')
    t:is(threads(function(info) info[next(info)] = nil end), nil, 'one that is not told')
    t:is(threads(function(info)
        local id, entry = next(info)
        info[id], info[1e9] = nil, entry
    end), nil, 'another one')
end)

case('inspecting leaves no fiber behind', function(t)
    local fibers = lib.load('platform.fibers')
    local count = #fibers.list_all()
    for _ = 1, 20 do
        fibers.inspect()
    end
    t:ok(lib.wait(function() return #fibers.list_all() <= count end), 'as many as before')
end)

case('inspecting a busy server does not crash it', function(t)
    local fibers = lib.load('platform.fibers')
    local stop, done = false, 0
    for i = 1, 40 do
        doom(fiber.create(function()
            while not stop do
                if i % 2 == 0 then
                    fiber.sleep(0)
                else
                    fiber.yield()
                end
            end
        end))
    end
    for i = 1, 300 do
        fibers.inspect()
        done = i
        if i % 3 == 0 then
            fiber.sleep(0.0001)
        end
    end
    stop = true
    t:is(done, 300, 'times')
end)

case('others run while a thousand fibers are inspected', function(t)
    local longest, last, pauses = 0, 0, 0
    local fibers = lib.load('platform.fibers', {['core.yield'] = {pause = function()
        pauses = pauses + 1
        longest, last = math.max(longest, lib.worked() - last), lib.worked()
    end}})
    local loop = lib.old_code('return function() require("fiber").sleep(100) end', FILE)()
    for _ = 1, 1000 do
        doom(fiber.create(loop))
    end
    local list
    local work = lib.work(function() list = fibers.inspect() end)
    t:ok(#list >= 1000, 'all of them')
    t:ok(pauses >= 1000, 'at each of them')
    longest = math.max(longest, work - last)
    t:ok(longest < 400, ('%d of %d thousand instructions at a time'):format(longest, work))
end)

case('loops of the old generation end after the commit, new ones and others do not', function(t)
    local old = doom(fiber.create(lib.old_code(LOOP, FILE)(), 'old'))
    local foreign = doom(fiber.create(lib.old_code(LOOP, '/rocks/queue.lua')(), 'foreign'))
    local txn, adapter = begin()
    local new = doom(fiber.create(txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    t:ok(not is_dead(old), 'the commit itself ends nothing')
    t:is(adapter:finish(), nil, 'finish')
    t:ok(lib.wait(function() return is_dead(old) end), 'old')
    t:ok(not is_dead(new), 'new')
    t:ok(not is_dead(foreign), 'foreign')
    t:is(names(adapter.report.cancelled), 'old', 'reported')
    t:is(fiber.create, adapter.wrapped.create.original, 'fiber.create')
end)

case('a fiber that has old code only further up its stack is left', function(t)
    local serve = lib.old_code('return function(f) f() end', '/rocks/server.lua')()
    local loop = lib.old_code(LOOP, FILE)()
    local request = doom(fiber.create(serve, function() loop('request') end))
    local txn, adapter = begin()
    commit(txn)
    adapter:finish()
    t:ok(not is_dead(request), 'lives')
    t:is(names(adapter.report.left), 'request', 'and is named')
end)

case('a loop that was started through pcall ends too', function(t)
    local old = doom(fiber.create(pcall, lib.old_code(LOOP, FILE)(), 'old'))
    local txn, adapter = begin()
    commit(txn)
    adapter:finish()
    t:ok(lib.wait(function() return is_dead(old) end, 1), 'ends')
end)

case('a loop in a coroutine ends too', function(t)
    local entry = lib.old_code(LOOP .. '', FILE)()
    local wrap = lib.old_code('local f = ... return function() coroutine.wrap(f)("old") end', FILE)
    local old = doom(fiber.create(wrap(entry)))
    local txn, adapter = begin()
    commit(txn)
    adapter:finish()
    t:ok(lib.wait(function() return is_dead(old) end, 1), 'ends')
end)

case('a fiber that old code starts meanwhile ends, however it is called', function(t)
    local start = lib.old_code('local f = ... return function() return require("fiber").create(f, "old") end', FILE)(
        lib.old_code(LOOP, FILE)())
    local txn, adapter = begin()
    local old = doom(lib.elsewhere(start))
    t:is(adapter.born[old:id()], nil, 'not taken for one of the new code')
    commit(txn)
    adapter:finish()
    t:ok(lib.wait(function() return is_dead(old) end), 'ends')
end)

case('a short helper of a request has time to end by itself', function(t)
    local result
    local helper = lib.old_code("return function(f) require('fiber').sleep(0.05) f() end", FILE)()
    fiber.create(helper, function() result = 'done' end)
    local txn, adapter = begin()
    commit(txn)
    adapter:finish()
    t:is(result, 'done', 'it was not cut short')
    t:is(#adapter.report.cancelled, 0, 'nor reported')
end)

case('what the failed code started ends in a rollback, what others started does not', function(t)
    local old = doom(fiber.create(lib.old_code(LOOP, FILE)(), 'old'))
    local txn, adapter = begin()
    local new = doom(txn.code([[
        local loop = ...
        return require('fiber').create(loop, 'new')
    ]])(txn.code(LOOP, FILE)()))
    local other = doom(lib.elsewhere(function()
        return fiber.create(lib.old_code(LOOP, FILE)(), 'other')
    end))
    local undone = txn.undo()
    t:ok(lib.mentions(undone, '"new"'), 'reported')
    local left = {}
    adapter:check_left(left)
    t:is(#left, 0, 'nothing is left')
    t:ok(is_dead(new), 'new')
    t:ok(not is_dead(old), 'old')
    t:ok(not is_dead(other), 'started by old code meanwhile')
end)

case('a fiber that the failed code has made but that has not run yet does not run', function(t)
    local ran = {}
    local txn = begin()
    txn.code("local ran = ... require('fiber').new(function() table.insert(ran, 'ran') end)")(ran)
    txn.undo()
    fiber.sleep(0)
    fiber.yield()
    t:is(#ran, 0, 'no code of the failed generation runs after the rollback')
end)

case('fibers that fibers of the failed code started end too', function(t)
    local objects = {}
    local txn, adapter = begin()
    txn.code([[
        local objects, loop = ...
        local fiber = require('fiber')
        fiber.create(function()
            fiber.yield()
            table.insert(objects, (fiber.create(loop, 'child')))
        end)
        fiber.create(function()
            fiber.yield()
            -- A tail call: no frame of the new code is left.
            return fiber.create(loop, 'tail')
        end)
    ]])(objects, txn.code(LOOP, FILE)())
    lib.wait(function() return #objects == 1 end)
    fiber.sleep(0.01)
    txn.undo()
    adapter:check_left({})
    local alive = {}
    for _, info in pairs(fiber.info({backtrace = false})) do
        if info.name == 'child' or info.name == 'tail' then
            table.insert(alive, info.name)
            doom(fiber.find(info.fid))
        end
    end
    t:is(table.concat(alive, ' '), '', 'those that live on')
end)

case('a fiber that does not stop is told', function(t)
    local stop = {}
    local txn, adapter = begin()
    local object = txn.code([[
        local stop = ...
        local fiber = require('fiber')
        return fiber.create(function()
            fiber.name('stubborn')
            -- The loop of the server runs although this fiber is cancelled.
            local cond = fiber.cond()
            local waker = fiber.create(function() end)
            while not stop.now do
                pcall(cond.wait, cond, 0.001)
                pcall(fiber.sleep, 0.001)
            end
        end)
    ]])(stop)
    txn.undo()
    local left = {}
    adapter:check_left(left)
    t:ok(lib.mentions(left, '"stubborn"'), 'named')
    stop.now = true
    t:ok(lib.wait(function() return is_dead(object) end), 'it ends when it is told to')
end)

case('a fiber that ends at once is no obstacle, results are handed on', function(t)
    local txn, adapter = begin()
    local object = txn.code("return require('fiber').create(function() end)")()
    t:is(type(object), 'userdata', 'an object')
    local joined = txn.code([[
        local f = require('fiber').new(function(a, b) return a + b end, 2, 3)
        f:set_joinable(true)
        return {f:join()}
    ]])()
    t:is(joined[1], true, 'joined')
    t:is(joined[2], 5, 'arguments and results')
    t:ok(not pcall(txn.code("require('fiber').create(5)")), 'a wrong argument is an error')
    local left = {}
    txn.undo()
    adapter:check_left(left)
    t:is(#left, 0, 'nothing is left')
end)

local function test_trigger(t, by_backtraces)
    -- The pool of fibers that serves the network enters Lua in the trigger
    -- itself, so the trigger is the entry function.
    local net_box = require('net.box')
    local path = lib.directory() .. '/s'
    box.cfg({listen = path})
    box.schema.user.grant('guest', 'super', nil, nil, {if_not_exists = true})
    local state = {}
    local trigger = lib.old_code([[
        local state = ...
        return function()
            state.entered = true
            require('fiber').sleep(0.5)
            state.ended = true
        end
    ]], FILE)(state)
    box.session.on_connect(trigger)
    local connection
    local client = fiber.new(function()
        connection = net_box.connect('unix/:' .. path, {wait_connected = true, connect_timeout = 5})
    end)
    client:set_joinable(true)
    lib.wait(function() return state.entered end)
    local txn, adapter = begin(by_backtraces)
    commit(txn)
    adapter:finish()
    client:join()
    box.session.on_connect(nil, trigger)
    t:ok(state.ended, 'the trigger came to its end')
    t:ok(connection and connection:ping(), 'the client is connected')
    connection:close()
    box.cfg({listen = ''})
end

local function test_call(t, by_backtraces)
    local net_box = require('net.box')
    local path = lib.directory() .. '/s'
    box.cfg({listen = path})
    box.schema.user.grant('guest', 'super', nil, nil, {if_not_exists = true})
    local state = {}
    rawset(_G, 'adapters_fibers_call', lib.old_code([[
        local state = ...
        return function()
            state.entered = true
            require('fiber').sleep(0.5)
            return 'result'
        end
    ]], FILE)(state))
    local connection = net_box.connect('unix/:' .. path)
    local ok, result
    local client = fiber.new(function()
        ok, result = pcall(connection.call, connection, 'adapters_fibers_call')
    end)
    client:set_joinable(true)
    lib.wait(function() return state.entered end)
    local txn, adapter = begin(by_backtraces)
    commit(txn)
    adapter:finish()
    client:join()
    t:ok(ok, 'answered: ' .. tostring(result))
    t:is(result, 'result', 'result')
    connection:close()
    box.cfg({listen = ''})
    rawset(_G, 'adapters_fibers_call', nil)
end

case('a client whose trigger is old code is not cut', test_trigger)

case('a client whose trigger is old code is not cut, by back-traces', function(t)
    test_trigger(t, true)
end)

case('a call from the network that runs old code is not cut', test_call)

case('a call from the network that runs old code is not cut, by back-traces', function(t)
    test_call(t, true)
end)

case('loops of the old generation end by back-traces too', function(t)
    local old = doom(fiber.create(lib.old_code(LOOP, FILE)(), 'old'))
    local foreign = doom(fiber.create(lib.old_code(LOOP, '/rocks/queue.lua')(), 'foreign'))
    local txn, adapter = begin(true)
    local new = doom(txn.code("return require('fiber').create(...)")(txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    t:is(adapter:finish(), nil, 'finish')
    t:ok(lib.wait(function() return is_dead(old) end), 'old')
    t:ok(not is_dead(new), 'new')
    t:ok(not is_dead(foreign), 'foreign')
end)

case('a loop that new code started long ago is not taken for an old one, by back-traces', function(t)
    -- A fiber that a function of the new code starts after the commit and
    -- before the loops are looked for.
    local txn, adapter = begin(true)
    local start = txn.code('local loop = ... return function() return require("fiber").create(loop, "late") end', FILE)(
        txn.code(LOOP, FILE)())
    commit(txn)
    local late = doom(start())
    adapter:finish()
    t:ok(not is_dead(late), 'lives')
end)

lib.run()
