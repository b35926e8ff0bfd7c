--- Interrupts code of the transaction that never yields, once the deadline has
-- passed.
--
-- No other fiber can cancel such code, because no other fiber gets to run. So the
-- watchdog sets a count hook: a function that the interpreter calls after a fixed
-- number of instructions, in any fiber. The hook raises an error if the deadline
-- has passed, the event loop has not run for a while, and the running fiber works
-- for the transaction. If a protected call catches the error, the hook raises it
-- again at each instruction, until control has returned from the application's
-- code.
--
-- LuaJIT does not call hooks from compiled code. So the JIT compiler is off while
-- the watchdog is set: new code stays in the interpreter, and only traces that
-- already exist run without the hook.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local generations = require('code.generations')

-- Number of instructions between two checks of the clock.
local INSTRUCTIONS = 10000
-- If the event loop has not run for this number of seconds, the running code is
-- interrupted. Code that yields more often need not be interrupted: its fiber is
-- cancelled.
local STALL = 0.1

-- Keep the functions: application code can replace them in `clock` and `fiber`.
local monotonic, loop_time = clock.monotonic, fiber.clock

local Watchdog = {}
Watchdog.__index = Watchdog

--- Whether the function that the hook has interrupted belongs to this program. In
-- this case, control has returned from the application. Stack level 1 is this
-- function, 2 the hook, 3 the interrupted function.
local function is_ours()
    local info = debug.getinfo(3, 'f')
    return info == nil or generations.is_ours(info.func)
end

--- Starts the watchdog.
-- @tparam table options
--   deadline: function () -> the deadline, on the monotonic clock
--   is_asking: function () -> whether the running fiber works for the transaction
--   raise: function () that raises the error
-- @treturn table the watchdog
local function start(options)
    local self = setmetatable({is_raising = false}, Watchdog)
    if debug.gethook() ~= nil then
        -- Do not replace the hook of a debugger or profiler.
        return self
    end
    function self.hook()
        if self.is_raising then
            if is_ours() then
                self.is_raising = false
                debug.sethook(self.hook, '', INSTRUCTIONS)
            elseif options.is_asking() then
                options.raise()
            end
            return
        end
        local now = monotonic()
        if now > options.deadline() and now - loop_time() > STALL and options.is_asking() and not is_ours() then
            self.is_raising = true
            debug.sethook(self.hook, '', 1)
            options.raise()
        end
    end
    self.has_jit = jit.status()
    if self.has_jit then
        jit.off()
    end
    debug.sethook(self.hook, '', INSTRUCTIONS)
    return self
end

--- Stops the watchdog. A second call does nothing.
function Watchdog:stop()
    if self.hook ~= nil and debug.gethook() == self.hook then
        debug.sethook()
    end
    if self.has_jit then
        jit.on()
    end
    self.hook, self.has_jit = nil, nil
end

return {start = start}
