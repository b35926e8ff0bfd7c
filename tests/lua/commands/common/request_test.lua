-- commands/common/request.lua: functions shared by the commands that change an instance.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.common.request')

lib.box()

local request = lib.load('commands.common.request')

--- Makes that function send the messages instead of the console.
local function push_with(f)
    local original = rawget(box.session, 'push')
    rawset(box.session, 'push', f)
    lib.defer(function() rawset(box.session, 'push', original) end)
end

--- Runs a function with a time limit.
local function in_time(f)
    local results
    local runner = fiber.new(function()
        results = {pcall(f)}
    end)
    lib.wait(function() return results end, 2)
    if results == nil then
        runner:cancel()
        return nil, 'it does not return'
    end
    return unpack(results)
end

case('work runs in its own fiber and its result is returned', function(t)
    local id
    local ok, result = in_time(function()
        return request.run_in_fiber({}, function()
            id = fiber.id()
            fiber.sleep(0.01)
            return {5}
        end)
    end)
    t:is(ok, true, 'returned')
    t:is(result and result[1], 5, 'result')
    t:isnt(id, fiber.id(), 'fiber')
end)

case('a request on a binary port names its user and address', function(t)
    local function holder(fields, args)
        for name, value in pairs(fields) do
            local original = rawget(box.session, name)
            rawset(box.session, name, function() return value end)
            lib.defer(function() rawset(box.session, name, original) end)
        end
        return request.run_in_fiber(args, function() return args.holder or 'nobody' end)
    end
    t:is(holder({type = 'console', user = 'admin', peer = 'unix/:'}, {holder = 'me@h'}), 'me@h', 'a console does not')
    t:is(holder({type = 'binary', user = 'op', peer = '10.0.0.1:5'}, {holder = 'me@h'}),
        'me@h as op from 10.0.0.1:5', 'who asks')
    t:is(holder({type = 'binary', user = 'op', peer = '10.0.0.1:5'}, {}), 'nobody', 'who does not say')
end)

case('an error of the work is raised to the caller', function(t)
    local ok, err = in_time(function()
        return request.run_in_fiber({}, function() error({7}) end)
    end)
    t:is(ok, false, 'thrown')
    t:is(type(err) == 'table' and err[1], 7, 'error')
end)

case('phases are sent only on request', function(t)
    local sent = {}
    push_with(function(phase) table.insert(sent, phase) end)
    local function work(on_phase)
        on_phase('load')
        on_phase('init')
        fiber.sleep(0.01)
        on_phase('commit')
        return {}
    end
    in_time(function() return request.run_in_fiber({}, work) end)
    t:is(#sent, 0, 'not asked for')
    in_time(function() return request.run_in_fiber({verbose = true}, work) end)
    t:is(table.concat(sent, ' '), 'load init commit', 'asked for')
end)

case('a slow receiver of messages does not block the command', function(t)
    -- The work may end while the message is being sent.
    push_with(function() fiber.sleep(0.05) end)
    local ok, result = in_time(function()
        return request.run_in_fiber({verbose = true}, function(on_phase)
            on_phase('load')
            fiber.sleep(0.01)
            return {5}
        end)
    end)
    t:ok(ok, 'returned: ' .. tostring(result))
end)

case('a message that cannot be sent is no problem', function(t)
    push_with(function() error('not supported') end)
    local ok, result = in_time(function()
        return request.run_in_fiber({verbose = true}, function(on_phase)
            on_phase('load')
            return {5}
        end)
    end)
    t:ok(ok, 'returned: ' .. tostring(result))
end)

case('work continues when the client disconnects', function(t)
    local ended = false
    local asker = fiber.new(function()
        request.run_in_fiber({}, function()
            fiber.sleep(0.05)
            ended = true
            return {}
        end)
    end)
    fiber.sleep(0.01)
    asker:cancel()
    t:ok(lib.wait(function() return asker:status() == 'dead' end), 'the asker ends')
    t:ok(lib.wait(function() return ended end), 'the work too')
end)

case('a request that arrives too late is refused', function(t)
    local report = request.check_ready({not_after = fiber.time() - 1})
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(report.error.code, 'deadline', 'code')
    t:is(request.check_ready({not_after = fiber.time() + 10}), nil, 'in time')
    t:is(request.check_ready({}), nil, 'no limit')
end)

case('an incomplete rollback turns a failure into degraded', function(t)
    local report = request.fail({}, {code = 'internal_error', rollback = {undone = {'a'}, left = {}, doubts = {'d'}}})
    t:is(report.outcome, 'failed', 'nothing is left')
    t:is(report.rollback.complete, true, 'complete')
    t:is_deeply(report.warnings, {'d'}, 'a doubt is a warning')
    report = request.fail({}, {code = 'internal_error', rollback = {undone = {}, left = {'b'}, doubts = {}}})
    t:is(report.outcome, 'degraded', 'something is left')
    t:is(report.rollback.complete, false, 'not complete')
    report = request.fail({}, {
        code = 'internal_error',
        outcome = 'timeout',
        rollback = {undone = {}, left = {}, doubts = {}},
    })
    t:is(report.outcome, 'timeout', 'an outcome of its own')
end)

lib.run()
