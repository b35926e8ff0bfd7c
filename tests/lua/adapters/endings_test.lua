-- adapters/endings.lua: what new code ends of the serving code ends at the commit.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.endings')

lib.box()

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    local adapter = load('adapters.endings').new(txn)
    txn:add(adapter)
    return txn, adapter
end

local function sleeper()
    local object = fiber.new(function() fiber.sleep(1000) end)
    fiber.sleep(0)
    lib.defer(function() pcall(object.cancel, object) end)
    return object
end

local function is_dead(object)
    return object:status() == 'dead'
end

--- Runs code with both outcomes: new code that fails, and new code that is committed.
local function with_both(run, check)
    for _, is_good in ipairs({false, true}) do
        local object = run.make()
        local txn, adapter = begin()
        txn.code(run.code)(object)
        if is_good then
            txn:commit()
            adapter:settle()
        else
            txn.undo()
        end
        check(object, is_good)
    end
end

case('new code that cancels old fibers in any way takes effect at the commit', function(t)
    for _, code in ipairs({
        '(...):cancel()',
        "require('fiber').cancel(...)",
        "require('fiber').cancel((...):id())",
        "require('fiber').kill(...)",
        'local f = ... pcall(f.cancel, f)',
        'local f = ... pcall(function() f:cancel() end) f:cancel()',
    }) do
        with_both({make = sleeper, code = code}, function(object, is_good)
            t:is(lib.wait(function() return is_dead(object) end, is_good and 20 or 0.02), is_good, code)
        end)
    end
end)

case('new code sees a fiber that it has cancelled as dead', function(t)
    local object = sleeper()
    local txn = begin()
    local status, joined = txn.code([[
        local f = ...
        f:cancel()
        return f:status(), f:join()
    ]])(object)
    t:is(status, 'dead', 'status')
    t:is(joined, false, 'joined at once')
    t:is(lib.elsewhere(function() return object:status() end), 'suspended', 'not to others')
    txn.undo()
end)

case('new code ends its own fibers and connections at once', function(t)
    local txn = begin()
    local object, is_closed = txn.code([[
        local fiber = require('fiber')
        local object = fiber.create(fiber.sleep, 1000)
        object:cancel()
        local channel = fiber.channel(1)
        channel:close()
        return object, channel:is_closed()
    ]])()
    fiber.sleep(0)
    t:ok(is_dead(object), 'a fiber')
    t:ok(is_closed, 'a channel')
    txn.undo()
end)

case('other code and old roles that stop end fibers at once', function(t)
    local objects = {sleeper(), sleeper()}
    local txn = begin()
    lib.elsewhere(function() objects[1]:cancel() end)
    txn.ownership:call_stop(function() objects[2]:cancel() end)
    fiber.sleep(0)
    t:ok(is_dead(objects[1]), 'of others')
    t:ok(is_dead(objects[2]), 'of a role')
    txn.undo()
end)

case('new code that closes old channels takes effect at the commit', function(t)
    with_both({
        make = function() return fiber.channel(1) end,
        code = '(...):close()',
    }, function(channel, is_good)
        t:is(channel:is_closed(), is_good, is_good and 'closed' or 'open')
    end)
end)

case('new code that closes old net.box connections takes effect at the commit', function(t)
    local net_box = require('net.box')
    local path = lib.directory() .. '/s'
    box.cfg({listen = path})
    with_both({
        make = function() return net_box.connect('unix/:' .. path) end,
        code = '(...):close()',
    }, function(connection, is_good)
        t:is(connection:is_connected(), not is_good, is_good and 'closed' or 'open')
        connection:close()
    end)
    box.cfg({listen = ''})
end)

case('new code that kills old processes takes effect at the commit', function(t)
    local popen = require('popen')
    with_both({
        make = function() return popen.new({'/bin/sleep', '1000'}) end,
        code = '(...):terminate()',
    }, function(process, is_good)
        local function is_alive() return process:info().status.state == 'alive' end
        t:is(lib.wait(function() return not is_alive() end, is_good and 20 or 0.05), is_good, 'the process')
        process:close()
    end)
end)

case('replaced functions that new code has kept work as usual after the commit', function(t)
    local txn, adapter = begin()
    local cancel, status = txn.code("local f = require('fiber') return f.cancel, f.self().status")()
    txn:commit()
    adapter:settle()
    txn:release()
    local object = sleeper()
    t:is(status(object), 'suspended', 'status')
    cancel(object)
    fiber.sleep(0)
    t:ok(is_dead(object), 'cancel')
end)

case('a fiber that catches errors in a library is cancelled outside its protected call', function(t)
    local state = {}
    local loop = lib.old_code([[
        local state = ...
        local fiber = require('fiber')
        return function()
            while not state.stop do
                state.caught = state.caught or not pcall(fiber.sleep, 0.02)
                fiber.sleep(0.02)
            end
        end]], '/rocks/timer.lua')(state)
    local object = fiber.create(loop)
    local txn, adapter = begin()
    txn.code('(...):cancel()')(object)
    txn:commit()
    adapter:settle()
    t:ok(lib.wait(function() return is_dead(object) end, 2), 'over')
    t:ok(not state.caught, 'in a safe moment')
    state.stop = true
end)

lib.run()
