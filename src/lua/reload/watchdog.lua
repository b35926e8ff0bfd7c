--- Interrupts code that never yields, when its time is over.
--
-- Such code lets no other fiber run that could cancel it. A count hook is
-- called by the interpreter after a number of instructions, whoever runs them.
-- If the time is over, the event loop has not turned for a while, and the
-- running fiber belongs to the transaction, the hook raises an error. If a
-- protected call catches it, the hook raises again at each instruction, until
-- the application's code is left.
--
-- LuaJIT does not call hooks from compiled code. While the watchdog is set,
-- nothing is compiled: new code stays in the interpreter, and existing traces
-- keep running.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local generations = require('code.generations')

-- Instructions between two checks of the clock.
local INSTRUCTIONS = 10000
-- Seconds without a turn of the event loop. Code that yields is cancelled
-- instead.
local STALL = 0.1

-- Code that is loaded can replace these.
local monotonic, loop_time = clock.monotonic, fiber.clock

local Watchdog = {}
Watchdog.__index = Watchdog

--- Whether the interrupted function belongs to this program, so that the
-- application has been left. Level 1 is this function, 2 the hook.
local function is_ours()
    local info = debug.getinfo(3, 'f')
    return info == nil or generations.is_ours(info.func)
end

--- @tparam table options
--   deadline: function () that returns it, on the monotonic clock
--   is_asking: function () that tells whether the running fiber works for the
--     transaction
--   raise: function () that raises the error
-- @treturn table to be given to `stop`
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

--- Ends the watch. A second call does nothing.
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
