--- Interrupts application code that does not yield, once the deadline of the transaction
-- has passed.
--
-- While this code runs, no other fiber can run and cancel it. So the watchdog sets a
-- count hook, which LuaJIT calls after a fixed number of instructions, in any fiber.
-- The hook raises an error if the deadline has passed, the event loop has not run for a
-- while, and the running fiber acts on behalf of the transaction. If the application
-- catches the error, the hook raises it again at each instruction, until control has
-- returned from the application.
--
-- LuaJIT does not call hooks from compiled code, so the JIT compiler is off while the
-- watchdog is set. Only traces that already exist run without the hook.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local generations = require('code.generations')

-- Number of Lua instructions between two checks of the clock.
local INSTRUCTIONS = 10000
-- After the deadline, code that has blocked the event loop for this number of seconds is
-- interrupted. If the code yields more often, its fiber is cancelled instead.
local STALL = 0.1

-- Keep the original functions, because application code can replace them in `clock` and
-- `fiber`.
local monotonic, loop_time = clock.monotonic, fiber.clock

local Watchdog = {}
Watchdog.__index = Watchdog

--- Returns whether the hook has interrupted a function of this program. If so, control
-- has returned from the application. Stack level 1 is `is_ours`, level 2 is the hook,
-- and level 3 is the interrupted function.
local function is_ours()
    local info = debug.getinfo(3, 'f')
    return info == nil or generations.is_ours(info.func)
end

--- Starts the watchdog. Does nothing if a debugger or profiler has set a hook.
-- @tparam table options
--   deadline: function () -> the deadline in seconds, on the monotonic clock
--   is_asking: function () -> whether the running fiber acts on behalf of the transaction
--   raise: function () that raises the error
-- @treturn table the watchdog
local function start(options)
    local self = setmetatable({is_raising = false}, Watchdog)
    if debug.gethook() ~= nil then
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

--- Stops the watchdog, and turns the JIT compiler back on if it was on before. A second call
-- does nothing.
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
