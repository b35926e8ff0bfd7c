-- reload/transaction.lua: the order of the steps, and how they are undone.

local clock = require('clock')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.transaction')

lib.box()

--- Starts a transaction; returns it and the events of its adapters, a list of texts.
local function begin(args)
    local load = lib.loader()
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    local txn = load('reload.transaction').new(args or {timeout = 5}, load('core.stash').get())
    local events = {}
    local function adapter(name, methods)
        local self = {name = name}
        for _, event in ipairs({'snapshot', 'stage', 'commit', 'rollback', 'before_call', 'after_call'}) do
            self[event] = function(_, ...)
                table.insert(events, name .. '.' .. event)
                if methods and methods[event] then
                    return methods[event](...)
                end
            end
        end
        return self
    end
    return txn, adapter, events, load('core.failure')
end

local function joined(events)
    return table.concat(events, ' ')
end

case('adapters stage and commit in their order', function(t)
    local txn, adapter, events = begin()
    local ok, fail = txn:run(function()
        txn:add(adapter('a'))
        txn:add(adapter('b'))
        txn:commit()
    end)
    t:is(ok, true, 'committed')
    t:is(fail, nil, 'no failure')
    t:is(joined(events), 'a.snapshot a.stage b.snapshot b.stage a.commit b.commit', 'events')
    t:is(txn.staging, false, 'staging is over')
end)

case('adapters roll back in reverse order', function(t)
    local txn, adapter, events = begin()
    local ok, fail = txn:run(function()
        txn:add(adapter('a', {rollback = function(undone) table.insert(undone, 'x') end}))
        txn:add(adapter('b', {rollback = function(_, left, doubts)
            table.insert(left, 'y')
            table.insert(doubts, 'z')
        end}))
        txn:enter('init')
        error('boom')
    end)
    t:is(ok, nil, 'not committed')
    t:is(joined(events), 'a.snapshot a.stage b.snapshot b.stage b.rollback a.rollback', 'events')
    t:is_deeply(fail.rollback, {undone = {'x'}, left = {'y'}, doubts = {'z'}}, 'what it tells')
    t:is(fail.phase, 'init', 'phase')
    t:like(fail.message, 'boom', 'text')
    t:is(txn.staging, false, 'staging is over')
end)

case('a failure is reported as it was raised', function(t)
    local txn, _, _, failure = begin()
    local _, fail = txn:run(function()
        failure.raise({code = 'init_failed', role = 'r', message = 'm', phase = 'init'})
    end)
    t:is(fail.code, 'init_failed', 'code')
    t:is(fail.role, 'r', 'role')
    t:is(fail.message, 'm', 'message')
end)

case('any error value is a failure', function(t)
    for _, value in ipairs({'text', 5, false, {}, print, 'nil'}) do
        local txn = begin()
        if value == 'nil' then
            value = nil
        end
        local ok, fail = txn:run(function() error(value, 0) end)
        t:ok(ok == nil and type(fail.message) == 'string', tostring(value))
    end
end)

case('a failed rollback of one adapter is reported, and the others roll back', function(t)
    local txn, adapter, events = begin()
    local _, fail = txn:run(function()
        txn:add(adapter('a'))
        txn:add(adapter('b', {rollback = function() error('no way') end}))
        error('boom')
    end)
    t:is(events[#events], 'a.rollback', 'a')
    t:ok(lib.mentions(fail.rollback.left, 'no way'), 'b')
end)

case('an adapter that fails before the rollback is reported, and all roll back', function(t)
    for _, event in ipairs({'on_failure', 'before_rollback'}) do
        local txn, adapter, events = begin()
        local _, fail = txn:run(function()
            local failing = adapter('b')
            failing[event] = function() error('no way') end
            txn:add(adapter('a'))
            txn:add(failing)
            error('boom')
        end)
        t:is(events[#events], 'a.rollback', event .. ': a is rolled back')
        t:ok(lib.mentions(fail.rollback.left, 'no way'), event .. ': the error is reported')
    end
end)

case('an adapter that fails in snapshot or stage leaves nothing staged', function(t)
    for _, event in ipairs({'snapshot', 'stage'}) do
        local txn, adapter, events = begin()
        local ok = txn:run(function()
            txn:add(adapter('a'))
            txn:add(adapter('b', {[event] = function() error('no') end}))
            txn:commit()
        end)
        t:is(ok, nil, event .. ': not committed')
        t:is(events[#events], 'a.rollback', event .. ': a is rolled back')
    end
end)

case('a failed commit of one adapter is reported, and the others commit', function(t)
    local txn, adapter, events = begin()
    local ok = txn:run(function()
        txn:add(adapter('a', {commit = function() error('bug') end}))
        txn:add(adapter('b'))
        txn:commit()
    end)
    t:is(ok, true, 'committed')
    t:is(events[#events], 'b.commit', 'b')
    t:like(txn.commit_error, 'failed to commit adapter a: .*bug', 'told')
end)

case('the guard around calls of new code is removed in any case', function(t)
    local txn, adapter, events = begin()
    txn:add(adapter('a'))
    local ok, one, two = txn:call(function(x) return nil, x end, 5)
    t:is(ok, true, 'returned')
    t:is(one, nil, 'first')
    t:is(two, 5, 'second')
    t:is(joined(events), 'a.snapshot a.stage a.before_call a.after_call', 'events')
    ok, one = txn:call(error, 'boom', 0)
    t:is(ok, false, 'thrown')
    t:is(one, 'boom', 'error')
    t:is(events[#events], 'a.after_call', 'after an error')
end)

case('work that exceeds its time is cancelled and rolled back', function(t)
    local txn, adapter, events = begin({timeout = 0.1})
    local state
    local started = clock.monotonic()
    local ok, fail = txn:run(function()
        txn:add(adapter('a'))
        txn:enter('init')
        state = 'began'
        fiber.sleep(100)
        state = 'went on'
        txn:commit()
    end)
    t:ok(clock.monotonic() - started < 50, 'soon')
    t:is(ok, nil, 'not committed')
    t:is(fail.outcome, 'timeout', 'outcome')
    t:is(fail.code, 'deadline', 'code')
    t:is(fail.phase, 'init', 'phase')
    t:is(state, 'began', 'the work ended')
    t:is(events[#events], 'a.rollback', 'rolled back')
    t:is(#fail.rollback.left, 0, 'nothing is left')
end)

case('work that begins after its deadline runs no new code', function(t)
    local txn, adapter = begin({timeout = 0})
    local ran = false
    local ok, fail = txn:run(function()
        txn:add(adapter('a'))
        txn:call(function() ran = true end)
        txn:commit()
    end)
    t:is(ok, nil, 'not committed')
    t:is(fail.code, 'deadline', 'code')
    t:is(ran, false, 'new code')
end)

--- Runs work that catches the error of its cancellation.
local function run_stubborn(begin_with)
    local txn, adapter, events = begin(begin_with)
    local state = {}
    state.ok, state.fail = txn:run(function()
        txn:add(adapter('a'))
        while not state.stop do
            pcall(fiber.sleep, 0.01)
        end
        state.committed = pcall(txn.commit, txn)
        state.has_ended = true
    end)
    return state, events
end

case('work that catches its cancellation ends too', function(t)
    local state = run_stubborn({timeout = 0.5})
    t:is(state.ok, nil, 'not committed')
    t:is(state.fail.outcome, 'timeout', 'outcome')
    t:is(#state.fail.rollback.left, 0, 'nothing is left')
    state.stop = true
    fiber.sleep(0.05)
    t:is(state.has_ended, nil, 'it has come to no end of its own')
end)

case('work that does not end is reported, and never commits', function(t)
    -- The hook of a debugger stays.
    debug.sethook(function() end, '', 1000000)
    lib.defer(debug.sethook)
    local state, events = run_stubborn({timeout = 0.05})
    t:is(state.ok, nil, 'not committed')
    t:is(state.fail.outcome, 'timeout', 'outcome')
    t:ok(lib.mentions(state.fail.rollback.left, 'ignores cancellation'), 'told')
    state.stop = true
    lib.wait(function() return state.has_ended end)
    t:is(state.committed, false, 'a commit later on is refused')
    t:is(events[#events], 'a.rollback', 'nothing follows the rollback')
end)

case('an error of the work at the deadline is a timeout', function(t)
    local txn = begin({timeout = 0.05})
    local _, fail = txn:run(function()
        pcall(fiber.sleep, 100)
        error('something else')
    end)
    t:is(fail.outcome, 'timeout', 'outcome')
end)

case('a failure after the commit does not undo it', function(t)
    local txn, adapter, events = begin()
    local ok, fail = txn:run(function()
        txn:add(adapter('a'))
        txn:commit()
        error('late')
    end)
    t:is(ok, true, 'committed')
    t:is(fail, nil, 'no failure')
    t:is(events[#events], 'a.commit', 'no rollback')
end)

case('steps after the commit that take too long are a warning', function(t)
    local txn, adapter = begin({timeout = 0.1})
    local done = false
    local ok = txn:run(function()
        txn:add(adapter('a'))
        txn:commit()
        fiber.sleep(0.3)
        done = true
    end)
    t:is(ok, true, 'committed')
    t:ok(#txn.warnings > 0, 'warned')
    t:ok(lib.wait(function() return done end), 'it goes on')
end)

case('the commit does not yield', function(t)
    local txn, adapter = begin()
    local turns, stop, at_begin, at_end = 0, false, nil, nil
    local other = fiber.new(function()
        while not stop do
            turns = turns + 1
            fiber.yield()
        end
    end)
    other:set_joinable(true)
    txn.on_phase = function() fiber.yield() end
    txn:run(function()
        txn:add(adapter('a', {commit = function() at_begin = turns end}))
        txn:add(adapter('b', {commit = function() at_end = turns end}))
        fiber.yield()
        txn:commit()
        at_end = turns
    end)
    stop = true
    other:join()
    t:is(at_end, at_begin, 'turns of another fiber')
end)

case('a cancelled fiber that waits for the reload rolls it back', function(t)
    local txn, adapter, events = begin({timeout = 60})
    local result
    local waiter = fiber.new(function()
        result = {txn:run(function()
            txn:add(adapter('a'))
            fiber.sleep(100)
        end)}
    end)
    lib.wait(function() return #events > 0 end)
    waiter:cancel()
    t:ok(lib.wait(function() return result ~= nil end), 'it returns')
    t:is(result and result[1], nil, 'not committed')
    t:is(events[#events], 'a.rollback', 'rolled back')
end)

case('each phase is announced once', function(t)
    local txn = begin()
    local told = {}
    txn.on_phase = function(phase)
        table.insert(told, phase)
    end
    txn:run(function()
        txn:enter('load')
        fiber.sleep(0)
        txn:enter('init')
        txn:commit()
    end)
    t:is(table.concat(told, ' '), 'load init commit', 'phases')
end)

case('times are measured by phase', function(t)
    local txn = begin()
    txn:run(function()
        txn:enter('init')
        fiber.sleep(0.02)
        txn:enter('apply')
        fiber.sleep(0.02)
        txn:commit()
    end)
    t:ok(txn.timings_ms.init >= 35, 'init and apply are one')
    t:is(txn.timings_ms.apply, nil, 'apply is none')
    t:ok(txn.timings_ms.commit ~= nil, 'commit')
end)

case('check raises an error after the deadline and in a cancelled fiber', function(t)
    local txn = begin({timeout = 0})
    lib.wait(function() return clock.monotonic() > txn.deadline end)
    local ok, err = pcall(txn.check, txn)
    t:ok(not ok, 'over')
    t:is(err.code, 'deadline', 'code')
    txn = begin()
    t:ok(pcall(txn.check, txn), 'in time')
    local cancelled
    local other = fiber.new(function()
        pcall(fiber.sleep, 100)
        cancelled = pcall(txn.check, txn)
    end)
    fiber.yield()
    other:cancel()
    lib.wait(function() return cancelled ~= nil end)
    t:is(cancelled, false, 'cancelled')
end)

case('registrations of old code stay only if they can be patched and were not dropped', function(t)
    local txn, adapter = begin()
    local function f() end
    local function g() end
    t:ok(not txn:keeps_registration(f, 'here'), 'not before it is known what stands for what')
    local asked = {}
    txn.counterparts = {cover = function(_, what, taken)
        table.insert(asked, taken)
        return what == f
    end}
    t:is(txn:keeps_registration(f, 'here'), true, 'if it can be patched')
    t:is(txn:keeps_registration(g, 'here'), false, 'not if it cannot')
    txn:record_registration(f, 'here')
    t:is(txn:keeps_registration(f, 'here'), false, 'not if a reload has set it here')
    t:is(txn:keeps_registration(f, 'there'), true, 'elsewhere is another matter')
    txn:record_registration(f, 'there')
    t:is(txn:keeps_registration(f, 'there'), false, 'there too')
    t:ok(asked[1] ~= nil and asked[1] == asked[#asked], 'what is taken is found out once')
    txn:add(adapter('a'))
end)

case('registrations of new code are recognised, also in a wrapper', function(t)
    local txn, adapter = begin()
    local load = lib.loader()
    local chunk = assert(loadstring('return function() end', '@/new.lua'))
    txn.ownership:record(chunk, '/new.lua')
    local new, other = chunk(), chunk()
    local function wrapper() return new end
    local first = adapter('first')
    function first.list_new(_, list)
        table.insert(list, wrapper)
        table.insert(list, print)
    end
    txn:add(first)
    txn:add(adapter('second'))
    local taken
    txn.counterparts = {cover = function(_, _, set)
        taken = set
        return true
    end}
    txn:keeps_registration(print, 'here')
    t:ok(taken[new], 'new')
    t:ok(not taken[wrapper] and not taken[print] and not taken[other], 'nothing else')
    t:ok(load ~= nil, 'loaded')
end)

case('placements are remembered weakly', function(t)
    local txn = begin()
    local function f() end
    txn:record_registration(f, 'here')
    t:ok(next(txn.stash.placed) ~= nil, 'remembered')
    f = nil -- luacheck: ignore
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(next(txn.stash.placed), nil, 'and forgotten')
end)

case('a finished transaction owns nothing', function(t)
    local txn, adapter = begin()
    local chunk = assert(loadstring('return function() end', '@/new.lua'))
    local old, secret = {}, {}
    local weak = setmetatable({old, secret}, {__mode = 'v'})
    local first = adapter('first')
    txn:run(function()
        first.list, first.number = {old}, 5
        txn:add(first)
        txn.ownership:record(chunk, '/new.lua')
        txn.counterparts = {secret}
        txn:commit()
    end)
    txn:release()
    t:is(next(txn.ownership.protos), nil, 'prototypes')
    t:is(next(txn.ownership.files), nil, 'files')
    t:is(#txn.adapters, 0, 'adapters')
    t:is(first.list, nil, 'and what they knew')
    t:is(first.number, 5, 'numbers are no matter')
    t:is(txn.ownership:is_new(chunk), false, 'nothing is new')
    old, secret = nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    t:is(next(weak), nil, 'nothing is held')
end)

lib.run()
