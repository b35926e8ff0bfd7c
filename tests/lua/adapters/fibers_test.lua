-- adapters/fibers.lua: ends the fibers of a generation.

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

--- Ends the fibers that a case may have left.
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

--- @tparam ?table stubs see `lib.loader`
local function begin(stubs)
    local load = lib.loader(stubs)
    local txn = lib.transaction(load)
    txn.ownership:forget(FILE)
    local adapter = load('adapters.fibers').new(txn)
    txn:add(adapter)
    return txn, adapter
end

local function commit(txn)
    txn:commit()
    assert(txn.commit_error == nil, txn.commit_error)
end

local function finish(adapter)
    adapter:wait_for_requests()
    return adapter:finish()
end

case('fibers that new code starts are told from others', function(t)
    local old = doom(fiber.create(lib.old_code(LOOP, FILE)(), 'old'))
    local txn, adapter = begin()
    local new = doom(fiber.create(txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    local later = doom(fiber.create(lib.old_code(LOOP, '/rocks/queue.lua')(), 'later'))
    t:ok(adapter:is_new(new:id()), 'new')
    t:ok(not adapter:is_new(old:id()), 'old')
    t:ok(not adapter:is_new(later:id()), 'of a request')
end)

case('old loops end after the commit; new and foreign ones keep running', function(t)
    local old = doom(fiber.create(lib.old_code(LOOP, FILE)(), 'old'))
    local foreign = doom(fiber.create(lib.old_code(LOOP, '/rocks/queue.lua')(), 'foreign'))
    local txn, adapter = begin()
    local new = doom(fiber.create(txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    t:ok(not is_dead(old), 'the commit itself ends nothing')
    t:is(finish(adapter), nil, 'finish')
    t:ok(lib.wait(function() return is_dead(old) end), 'old')
    t:ok(not is_dead(new), 'new')
    t:ok(not is_dead(foreign), 'foreign')
    t:is(names(adapter.report.cancelled), 'old', 'reported')
    t:is(fiber.create, adapter.started.wrapped.create.original, 'fiber.create')
end)

case('a rollback reports an old loop that ended in favour of one of failed code', function(t)
    local TEXT = [[
        local fiber = require('fiber')
        return function(state, key)
            fiber.name(key)
            while state[key] ~= 'stop' do fiber.sleep(0.001) end
        end
    ]]
    for file, label in pairs({[FILE] = 'of the application', ['/rocks/queue.lua'] = 'of a library'}) do
        local state = {}
        local loop = lib.old_code(TEXT, file)()
        local old = doom(fiber.create(loop, state, 'first'))
        local other = doom(fiber.create(lib.old_code(LOOP, file)(), 'other'))
        local txn, adapter = begin()
        adapter:remember_loops()
        doom(fiber.create(file == FILE and txn.code(TEXT, file)() or loop, state, 'second'))
        state.first = 'stop'
        t:ok(lib.wait(function() return is_dead(old) end), label .. ': it ends')
        local _, left = txn.undo()
        adapter:check_left(left)
        adapter:report_ended({}, left)
        t:is(#left, 1, label .. ': told')
        t:like(left[1] or '', '"first"', label .. ': which')
        t:ok(not is_dead(other), label .. ': another goes on')
        state.first = nil
        local again = doom(fiber.create(loop, state, 'first'))
        left = {}
        adapter:report_ended({}, left)
        t:is(#left, 0, label .. ': not if it was started again')
        state.first = 'stop'
        lib.wait(function() return is_dead(again) end)
        state.second = 'stop'
    end
end)

case('a fiber with old code only further up its stack is left running', function(t)
    local serve = lib.old_code('return function(f) f() end', '/rocks/server.lua')()
    local loop = lib.old_code(LOOP, FILE)()
    local request = doom(fiber.create(serve, function() loop('request') end))
    local txn, adapter = begin()
    commit(txn)
    txn.deadline = require('clock').monotonic() + 1
    finish(adapter)
    t:ok(not is_dead(request), 'lives')
    t:is(names(adapter.report.left), 'request', 'and is named')
end)

case('a loop started through pcall ends', function(t)
    local old = doom(fiber.create(pcall, lib.old_code(LOOP, FILE)(), 'old'))
    local txn, adapter = begin()
    doom(fiber.create(pcall, txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    finish(adapter)
    t:ok(lib.wait(function() return is_dead(old) end, 1), 'ends')
end)

case('a loop in a coroutine ends', function(t)
    local entry = lib.old_code(LOOP .. '', FILE)()
    local WRAP = 'local f = ... return function() coroutine.wrap(f)("old") end'
    local old = doom(fiber.create(lib.old_code(WRAP, FILE)(entry)))
    local txn, adapter = begin()
    doom(fiber.create(txn.code(WRAP, FILE)(txn.code(LOOP, FILE)())))
    commit(txn)
    finish(adapter)
    t:ok(lib.wait(function() return is_dead(old) end, 1), 'ends')
end)

case('a fiber that old code starts during the reload ends', function(t)
    local start = lib.old_code('local f = ... return function() return require("fiber").create(f, "old") end', FILE)(
        lib.old_code(LOOP, FILE)())
    local txn, adapter = begin()
    local old = doom(lib.elsewhere(start))
    t:is(adapter.started.entries[old:id()], nil, 'not taken for one of the new code')
    doom(fiber.create(txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    finish(adapter)
    t:ok(lib.wait(function() return is_dead(old) end), 'ends')
end)

case('a short-lived helper of a request can finish', function(t)
    local result
    local helper = lib.old_code("return function(f) require('fiber').sleep(0.05) f() end", FILE)()
    fiber.create(helper, function() result = 'done' end)
    local txn, adapter = begin()
    commit(txn)
    finish(adapter)
    t:is(result, 'done', 'it was not cut short')
    t:is(#adapter.report.cancelled, 0, 'nor reported')
end)

case('a rollback ends fibers of new code and no others', function(t)
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

case('a fiber of failed code that has not started yet never runs', function(t)
    local ran = {}
    local txn = begin()
    txn.code("local ran = ... require('fiber').new(function() table.insert(ran, 'ran') end)")(ran)
    txn.undo()
    fiber.sleep(0)
    fiber.yield()
    t:is(#ran, 0, 'no code of the failed generation runs after the rollback')
end)

case('fibers started by fibers of failed code end in a rollback', function(t)
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

case('a fiber that ignores cancellation is reported when a debugger holds the hook', function(t)
    local stop = {}
    debug.sethook(function() end, '', 1000000)
    lib.defer(debug.sethook)
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
    t:ok(lib.mentions(left, ('fiber %d'):format(object:id())), 'named')
    stop.now = true
    t:ok(lib.wait(function() return is_dead(object) end), 'it ends when it is told to')
end)

case('a fiber that ends at once leaves nothing, and results are passed on', function(t)
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

case('a client stays connected while its trigger runs old code', function(t)
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
    local txn, adapter = begin()
    commit(txn)
    finish(adapter)
    client:join()
    box.session.on_connect(nil, trigger)
    t:ok(state.ended, 'the trigger came to its end')
    t:ok(connection and connection:ping(), 'the client is connected')
    connection:close()
    box.cfg({listen = ''})
end)

case('a call from the network that runs old code can finish', function(t)
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
    local txn, adapter = begin()
    commit(txn)
    finish(adapter)
    client:join()
    t:ok(ok, 'answered: ' .. tostring(result))
    t:is(result, 'result', 'result')
    connection:close()
    box.cfg({listen = ''})
    rawset(_G, 'adapters_fibers_call', nil)
end)

-- What the case says, in one function for each generation.
local function start(text)
    return ("local fiber = require('fiber') local state = ... return function() %s end"):format(text)
end

--- Runs old code in a fiber, reloads with the same as new code, or with none.
local function replace(entry, options)
    options = options or {}
    local state = options.state or {}
    local old = doom(fiber.create(lib.old_code(start(entry), FILE)(state)))
    if options.prepare ~= nil then
        options.prepare(old)
    end
    local txn, adapter = begin()
    local new
    if options.has_new ~= false then
        new = doom(fiber.create(txn.code(start(entry), FILE)(state)))
    end
    commit(txn)
    finish(adapter)
    return old, adapter, new
end

case('a loop without a replacement keeps running and is reported', function(t)
    local old, adapter = replace("fiber.name('alone') while true do fiber.sleep(0.01) end", {has_new = false})
    t:ok(not is_dead(old), 'lives')
    t:is(names(adapter.report.left), 'alone', 'named')
    t:is(#adapter.report.cancelled, 0, 'not cancelled')
    local loops = adapter:list_loops()
    t:is(#loops, 1, 'a loop')
    t:is(loops[1].reason, 'nothing in the new code started a replacement', 'reason')
end)

local STEPS = [[
    local fiber = require('fiber')
    return function(step)
        fiber.name('steps')
        while true do step() end
    end
]]

local function sleep()
    fiber.sleep(0.01)
end

case('a loop keeps running if its replacement has failed', function(t)
    local old = doom(fiber.create(lib.old_code(STEPS, FILE)(), sleep))
    local txn, adapter = begin()
    doom(fiber.create(txn.code(STEPS, FILE)(), function() error('broken') end))
    commit(txn)
    finish(adapter)
    t:ok(not is_dead(old), 'the old loop')
    t:is(names(adapter.report.left), 'steps', 'it is reported')
    t:like((adapter.report.left[1] or {}).reason, 'ended with an error', 'with the reason')
    t:is(#txn.warnings, 1, 'a warning')
    t:like(txn.warnings[1], FILE .. ':2', 'names the function')
end)

case('a loop ends if one of its replacements is running', function(t)
    local old = doom(fiber.create(lib.old_code(STEPS, FILE)(), sleep))
    -- Neither replacement has the name of the old fiber.
    old:name('renamed')
    local txn, adapter = begin()
    local steps = txn.code(STEPS, FILE)()
    doom(fiber.create(steps, function() error('broken') end))
    local new = doom(fiber.create(steps, sleep))
    commit(txn)
    finish(adapter)
    t:ok(is_dead(old), 'the old loop has ended')
    t:ok(not is_dead(new), 'the new one is running')
    t:is(#txn.warnings, 0, 'no warning')
end)

case('a loop ends if new code has cancelled the replacement', function(t)
    local old = doom(fiber.create(lib.old_code(STEPS, FILE)(), sleep))
    local txn, adapter = begin()
    local new = doom(fiber.create(txn.code(STEPS, FILE)(), sleep))
    adapter:note_cancelled(new:id())
    new:cancel()
    t:ok(lib.wait(function() return is_dead(new) end), 'the new loop has ended')
    commit(txn)
    finish(adapter)
    t:ok(is_dead(old), 'the old one, too')
    t:is(#txn.warnings, 0, 'no warning')
end)

case('a loop of the main script that ends is reported', function(t)
    for _, watches in ipairs({true, false}) do
        local state = {}
        local old = doom(fiber.create(lib.old_code(STEPS, '/app/main.lua')(), function()
            fiber.sleep(0.01)
            return state.is_broken and error('broken')
        end))
        local txn, adapter = begin()
        local _ = watches and adapter:watch_main()
        adapter:remember_loops()
        state.is_broken = true
        t:ok(lib.wait(function() return is_dead(old) end), 'it has ended')
        commit(txn)
        finish(adapter)
        t:is(#txn.warnings, watches and 1 or 0, watches and 'a warning' or 'none if roles may have ended it')
    end
end)

case('a loop that would catch its cancellation is not cancelled', function(t)
    for _, text in ipairs({
        'local ch = fiber.channel(1) while not state.stop do pcall(ch.get, ch, 0.1) end',
        'while not state.stop do xpcall(fiber.sleep, debug.traceback, 0.1) end',
        "while not state.stop do local co = coroutine.create(fiber.sleep) coroutine.resume(co, 0.1) end",
        'while not state.stop do load(function() fiber.sleep(0.1) end) end',
    }) do
        local state = {}
        local cancelled = 0
        local old, adapter = replace("fiber.name('catcher') " .. text, {state = state, prepare = function(object)
            t:ok(not is_dead(object), 'runs: ' .. text)
        end})
        pcall(function()
            for _, item in ipairs(adapter.report.cancelled) do
                cancelled = cancelled + (item.name == 'catcher' and 1 or 0)
            end
        end)
        t:is(cancelled, 0, 'not cancelled')
        t:ok(not is_dead(old), 'lives')
        t:is(names(adapter.report.left), 'catcher', 'reported')
        t:ok(adapter:list_loops()[1].reason:find('catches errors'), 'reason')
        state.stop = true
        t:ok(lib.wait(function() return is_dead(old) end), 'it ends by itself')
    end
end)

case('a loop is cancelled at a moment outside its protected call', function(t)
    local old, adapter = replace([[
        fiber.name('catcher')
        while true do
            pcall(fiber.sleep, 0.02)
            fiber.sleep(0.05)
        end]])
    t:ok(is_dead(old), 'over')
    t:is(names(adapter.report.cancelled), 'catcher', 'reported')
    t:is(#adapter.report.left, 0, 'nothing is left')
end)

case('a fiber that survives its cancellation is reported as running', function(t)
    local state = {}
    local old, adapter = replace([[
        fiber.name('stubborn')
        local cond = fiber.cond()
        while not state.stop do cond:wait(0.01) end]], {state = state})
    t:is(names(adapter.report.cancelled) .. names(adapter.report.left), 'stubborn', 'named once')
    t:is(is_dead(old), #adapter.report.cancelled == 1, 'as what it is')
    state.stop = true
end)

case('a joinable fiber with an end is not treated as a loop', function(t)
    local state = {}
    local old, adapter = replace('while not state.stop do fiber.sleep(0.01) end state.done = true return 5', {
        state = state,
        prepare = function(object)
            object:set_joinable(true)
            fiber.create(function()
                fiber.sleep(0.5)
                state.stop = true
                state.ok, state.result = object:join()
            end)
        end,
    })
    t:ok(lib.wait(function() return state.ok ~= nil end), 'joined')
    t:is(state.result, 5, 'result')
    t:is(#adapter.report.cancelled, 0, 'not cancelled')
    t:ok(is_dead(old), 'over')
end)

case('an endless joinable fiber is treated as a loop', function(t)
    local body = 'fiber.name("loop") while true do fiber.sleep(0.01) end'
    local function prepare(object)
        object:set_joinable(true)
    end
    local old, adapter = replace(body, {prepare = prepare})
    t:is(names(adapter.report.cancelled), 'loop', 'cancelled')
    t:ok(is_dead(old), 'and freed')
    local joined
    old, adapter = replace(body, {prepare = function(object)
        object:set_joinable(true)
        fiber.create(function()
            joined = {object:join()}
        end)
    end})
    t:is(names(adapter.report.left), 'loop', 'not if another fiber waits for its end')
    old:cancel()
    t:ok(lib.wait(function() return joined end), 'which it gets')
end)

case('a function that starts itself again is treated as a loop', function(t)
    local TURNS = [[
        local function work()
            fiber.name('turns')
            fiber.sleep(0.01)
            state.turns = (state.turns or 0) + 1
            if not state.stop then fiber.create(work) end
        end
        work()
    ]]
    local state = {}
    local _, adapter = replace(TURNS, {state = state, has_new = false})
    local loops = adapter:list_loops()
    t:is(#loops, 1, 'a loop')
    t:is(loops[1] and loops[1].reason, 'nothing in the new code started a replacement', 'reason')
    local turns = state.turns
    t:ok(lib.wait(function() return state.turns > turns end), 'it goes on')
    state.stop = true
end)

case('loops are judged after the last request has ended', function(t)
    local state = {}
    local serve = lib.old_code('return function(f) f() end', '/rocks/server.lua')()
    local request = doom(fiber.create(serve, lib.old_code([[
        local state = ...
        local fiber = require('fiber')
        return function()
            -- Without set_joinable, so the result is sent through a channel.
            local answer = fiber.channel(1)
            fiber.create(function()
                while not state.go do fiber.sleep(0.01) end
                answer:put('value')
            end)
            state.answer = answer:get()
        end]], FILE)(state)))
    local txn, adapter = begin()
    commit(txn)
    t:ok(not adapter:wait_for_requests(0), 'it runs')
    fiber.create(function()
        fiber.sleep(0.6)
        state.go = true
    end)
    finish(adapter)
    t:is(state.answer, 'value', 'answered')
    t:ok(is_dead(request), 'over')
    t:is(#adapter.report.left + #adapter.report.cancelled, 0, 'nothing to report')
end)

case('waiting for requests ends at the deadline', function(t)
    local serve = lib.old_code('return function(f) f() end', '/rocks/server.lua')()
    doom(fiber.create(serve, function() lib.old_code(LOOP, FILE)()('request') end))
    local txn, adapter = begin()
    txn.deadline = require('clock').monotonic() + 0.2
    commit(txn)
    local before = fiber.clock()
    finish(adapter)
    t:ok(fiber.clock() - before < 3, 'soon')
    t:is(names(adapter.report.left), 'request', 'and is named')
end)

case('loops keep running when the server does not expose fibers', function(t)
    local ffi = require('ffi')
    local old = doom(fiber.create(lib.old_code(LOOP, FILE)(), 'old'))
    local txn, adapter = begin({ffi = setmetatable({C = {}}, {__index = ffi})})
    doom(fiber.create(txn.code(LOOP, FILE)(), 'new'))
    commit(txn)
    t:ok(finish(adapter):find('does not expose', 1, true), 'a warning')
    t:ok(not is_dead(old), 'lives')
end)

case('fibers of failed code end even if they catch their cancellation', function(t)
    for _, text in ipairs({
        'local ch = fiber.channel(1) while true do pcall(ch.get, ch) end',
        'while true do pcall(fiber.sleep, 0.001) end',
        'while true do xpcall(fiber.sleep, function() return 1 end, 0.001) end',
        'while true do coroutine.resume(coroutine.create(fiber.sleep), 0.001) end',
        'while true do pcall(pcall, fiber.yield) end',
        'fiber.self():set_joinable(true) while true do pcall(fiber.sleep, 0.001) end',
    }) do
        local txn, adapter = begin()
        local object = doom(txn.code([[
            local fiber = require('fiber')
            return fiber.create(function() ]] .. text .. [[ end)
        ]])())
        local has_jit = jit.status()
        local undone, left = txn.undo(), {}
        adapter:check_left(left)
        t:is(#left, 0, 'nothing is left: ' .. text)
        t:ok(is_dead(object), 'it has ended')
        t:is(#undone, 1, 'once')
        t:is(debug.gethook(), nil, 'no hook is left')
        t:is(jit.status(), has_jit, 'nor is the compiler another')
    end
end)

--- A transaction whose new code has a counterpart for each old function.
local function begin_with(counterparts)
    local txn, adapter = begin()
    txn.counterparts = {find = function(_, f)
        return counterparts[f]
    end}
    return txn, adapter
end

case('a loop without a replacement is restarted if its counterpart is certain', function(t)
    local STEP = [[
        local state, version = ...
        local fiber = require('fiber')
        return function()
            while true do
                state.version = version
                fiber.sleep(0.01)
            end
        end
    ]]
    local state = {}
    local entry = lib.old_code(STEP, FILE)(state, 1)
    local old = doom(fiber.create(entry))
    old:name('worker')
    state.fiber, state.list = old, {1, old, 3}
    state.get = (function(object)
        return function() return object end
    end)(old)
    local counterparts = {}
    local txn, adapter = begin_with(counterparts)
    counterparts[entry] = txn.code(STEP, FILE)(state, 2)
    commit(txn)
    finish(adapter)
    t:ok(is_dead(old), 'the old one has ended')
    t:is(names(adapter.report.restarted), 'worker', 'reported')
    t:is(#adapter.report.left + #adapter.report.cancelled, 0, 'and nothing else')
    t:ok(lib.wait(function() return state.version == 2 end), 'the new code runs')
    doom(state.fiber)
    t:is(state.fiber:id(), adapter.report.restarted[1].id, 'a field holds the new fiber')
    t:is(state.list[2], state.fiber, 'a list')
    t:is(state.get(), state.fiber, 'an upvalue')
    t:is(state.fiber:name(), 'worker', 'with the same name')
    t:is(state.fiber:status(), 'suspended', 'it is alive')
end)

for _, item in ipairs({
    {'with arguments', 'while true do fiber.sleep(0.01) end', argument = true},
    {'that may end', 'while not state.stop do fiber.sleep(0.01) end'},
    {'in a protected call', 'while not state.stop do pcall(fiber.sleep, 0.1) end'},
    {'with something in its storage', 'while true do fiber.sleep(0.01) end', storage = true},
    {'whose fiber is on a stack', 'while true do fiber.sleep(0.01) end', is_held = true},
}) do
    case('a loop is not restarted: one ' .. item[1], function(t)
        local text = ("local fiber = require('fiber') local state = ... return function(n) %s return n end")
            :format(item[2])
        local state = {}
        local entry = lib.old_code(text, FILE)(state)
        local old = doom(fiber.create(entry, item.argument))
        if item.storage then
            old.storage.key = 'value'
        end
        if item.is_held then
            doom(fiber.create(function(object)
                fiber.sleep(100)
                return object
            end, old))
        end
        local counterparts = {}
        local txn, adapter = begin_with(counterparts)
        counterparts[entry] = txn.code(text, FILE)(state)
        commit(txn)
        finish(adapter)
        t:ok(not is_dead(old), 'lives')
        t:is(#adapter.report.restarted, 0, 'not started')
        t:is(#adapter.report.left, 1, 'reported')
        state.stop = true
    end)
end

case('a loop that another restarted loop starts is not started twice', function(t)
    local TEXT = [[
        local state = ...
        local fiber = require('fiber')
        local function work()
            while true do fiber.sleep(0.01) end
        end
        local function supervise()
            state.fiber = fiber.create(work)
            state.count = (state.count or 0) + 1
            while true do fiber.sleep(0.01) end
        end
        return work, supervise
    ]]
    local state = {}
    local work, supervise = lib.old_code(TEXT, FILE)(state)
    local supervisor = doom(fiber.create(supervise))
    local worker = doom(state.fiber)
    local counterparts = {}
    local txn, adapter = begin_with(counterparts)
    counterparts[work], counterparts[supervise] = txn.code(TEXT, FILE)(state)
    commit(txn)
    finish(adapter)
    doom(state.fiber)
    t:ok(is_dead(supervisor) and is_dead(worker), 'both have ended')
    t:is(#adapter.report.restarted, 1, 'one was started again')
    doom(fiber.find(adapter.report.restarted[1].id))
    t:is(#adapter.report.cancelled, 1, 'the other was cancelled')
    t:is(state.count, 2, 'and its successor runs once')
end)

case('a rollback reports loops that ended while failed code ran', function(t)
    local ending = doom(fiber.create(lib.old_code([[
        local fiber = require('fiber')
        return function(name)
            fiber.name(name)
            while not rawget(_G, 'test_successor') do fiber.sleep(0.01) end
        end
    ]], FILE)(), 'ending'))
    doom(fiber.create(lib.old_code(LOOP, FILE)(), 'staying'))
    lib.defer(function() rawset(_G, 'test_successor', nil) end)
    local txn, adapter = begin()
    adapter:remember_loops()
    rawset(_G, 'test_successor', true)
    lib.wait(function() return is_dead(ending) end)
    txn.undo()
    local warnings = {}
    adapter:report_ended(warnings, {})
    t:is(#warnings, 1, 'one')
    t:ok(lib.mentions(warnings, '"ending"'), 'its name')
    t:ok(lib.mentions(warnings, FILE), 'its place')
end)

lib.run()
