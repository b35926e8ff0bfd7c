-- reload/watchdog.lua: interrupts code that never yields at the deadline.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.watchdog')

lib.box()

--- Runs code in a transaction with a short timeout.
-- @treturn table failure, nil if it was committed
local function run(text, timeout)
    local load = lib.loader()
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    local txn = load('reload.transaction').new({timeout = timeout or 0.3}, load('core.stash').get())
    local chunk = lib.old_code(text, '/new/role.lua')
    local ok, fail = txn:run(function()
        txn.ownership:record(chunk, '/new/role.lua')
        txn:add(load('adapters.builtins').new(txn, {'jit'}))
        txn:add(load('adapters.fibers').new(txn))
        txn:enter('init')
        txn.role = 'shop'
        local failure = load('core.failure')
        local called, result, traceback = txn:call(chunk)
        if not called then
            failure.raise(failure.from(result, {code = 'init_failed', phase = 'init'}, traceback))
        end
        txn:commit()
    end)
    return not ok and fail or nil, txn
end

for _, item in ipairs({
    {'a loop', 'while true do end'},
    {'a loop that calls', 'local function f(x) return x + 1 end local x = 0 while true do x = f(x) end'},
    {'pcall in a loop', 'local x = 0 while true do pcall(function() for i = 1, 1e6 do x = x + i end end) end'},
    {'a loop in pcall', 'pcall(function() while true do end end) while true do end'},
    {'xpcall with a handler',
        'while true do xpcall(function() for _ = 1, 1e5 do end end, function() return 1 end) end'},
    {'a coroutine', 'local function f() while true do end end while true do coroutine.wrap(f)() end'},
    {'coroutine.resume', 'while true do coroutine.resume(coroutine.create(function() while true do end end)) end'},
    {'a fiber', "require('fiber').create(function() while true do end end) require('fiber').sleep(100)"},
    {'a channel whose error is caught',
        "local ch = require('fiber').channel(1) while true do pcall(ch.get, ch) end"},
    {'an error that is handled in a loop', "while true do if not pcall(error, 'x') then pcall(error, 'y') end end"},
}) do
    case('code that never yields ends: ' .. item[1], function(t)
        local hook, has_jit = debug.gethook(), jit.status()
        local fail = run(item[2])
        t:is(fail ~= nil and fail.outcome, 'timeout', 'outcome')
        t:is(fail and fail.code, 'deadline', 'code')
        t:is(fail and fail.phase, 'init', 'phase')
        t:is(fail and fail.role, 'shop', 'role')
        t:is(#fail.rollback.left, 0, 'nothing is left: ' .. table.concat(fail.rollback.left, ', '))
        t:is(debug.gethook(), hook, 'no hook is left')
        t:is(jit.status(), has_jit, 'the compiler is as before')
    end)
end

case('code that ends in time is not disturbed', function(t)
    local has_jit = jit.status()
    local fail = run('local x = 0 for i = 1, 1e6 do x = x + i end', 60)
    t:is(fail, nil, 'committed')
    t:is(debug.gethook(), nil, 'no hook is left')
    t:is(jit.status(), has_jit, 'the compiler is as before')
end)

case('code of other fibers is not disturbed', function(t)
    local done = false
    lib.defer(function() done = true end)
    -- It runs when the time is over, and longer than the event loop may stand.
    local other = fiber.new(function()
        local clock = require('clock')
        while not done do
            local start = clock.monotonic()
            while clock.monotonic() - start < 0.15 do end
            fiber.sleep(0)
        end
        return 'whole'
    end)
    other:set_joinable(true)
    local fail = run("require('fiber').sleep(100)", 0.1)
    t:is(fail.code, 'deadline', 'the time was over')
    done = true
    local ok, result = other:join()
    t:is(ok, true, 'no error')
    t:is(result, 'whole', 'it came to its end')
end)

case('new code that turns the compiler on is interrupted too', function(t)
    local fail = run('jit.on() local x = 0 while true do x = x + 1 end')
    t:is(fail.code, 'deadline', 'the time was over')
    t:is(jit.status(), true, 'the compiler is as before')
end)

case('settings of the compiler by new code apply from the commit on', function(t)
    lib.defer(jit.on)
    local on, off = jit.on, jit.off
    t:is(run('jit.off()'), nil, 'committed')
    t:is(jit.status(), false, 'off')
    t:is(run('jit.on()'), nil, 'committed')
    t:is(jit.status(), true, 'on again')
    run("jit.off() error('boom')")
    t:is(jit.status(), true, 'not by code that failed')
    t:ok(jit.on == on and jit.off == off, 'the functions are put back')
end)

case('the hook of a debugger stays', function(t)
    local count = 0
    local function hook() count = count + 1 end
    debug.sethook(hook, '', 1000)
    lib.defer(debug.sethook)
    local fail = run('for _ = 1, 1e5 do end', 60)
    t:is(fail, nil, 'committed')
    t:is(debug.gethook(), hook, 'it is there')
    t:ok(count > 0, 'and was called')
end)

lib.run()
