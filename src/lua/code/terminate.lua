--- Ends fibers of failed code that catch the error of their cancellation.
--
-- Such a fiber wakes up, catches the error and continues. A count hook then
-- raises another error at each Lua instruction, until the failed code is left.
-- The hook is set for one turn of the event loop at a time, as it slows down
-- everything that runs in it.
--
-- No error is raised in code of Tarantool or of this program. Compiled code
-- does not call hooks, so traces are flushed and the JIT compiler is off
-- meanwhile.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local generations = require('code.generations')

-- Seconds between two turns with the hook.
local PAUSE = 0.01

--- Whether an error may be raised in the function that the hook has interrupted.
local function may_raise()
    local info = debug.getinfo(3, 'fS')
    return info ~= nil and info.source:sub(1, 9) ~= '@builtin/' and not generations.is_ours(info.func)
end

--- Runs one turn of the event loop with the hook. Yields.
-- @tparam table targets set of the numbers of the fibers
local function turn(targets)
    local hook, mask, count = debug.gethook()
    local has_jit = jit.status()
    local function raise()
        if targets[fiber.id()] and may_raise() then
            error('this code has failed', 0)
        end
    end
    if has_jit then
        jit.off()
    end
    debug.sethook(raise, '', 1)
    pcall(fiber.sleep, 0)
    if debug.gethook() == raise then
        debug.sethook(hook, mask, count)
    end
    if has_jit then
        jit.on()
    end
end

--- Ends fibers. Yields.
-- @tparam {table,...} list {id, object}
-- @tparam number until_time on the monotonic clock
-- @tparam function is_over (item) -> boolean
-- @tparam ?function own_hook a hook that may be replaced while this runs; any other
--   hook is that of a debugger, and then no fiber is ended
local function run(list, until_time, is_over, own_hook)
    local hook = debug.gethook()
    if hook ~= nil and hook ~= own_hook then
        return
    end
    local is_flushed = false
    while true do
        local targets = {}
        for _, item in ipairs(list) do
            if not is_over(item) then
                targets[item.id] = true
                -- Wakes it up again, unless it is waiting for a disk write.
                pcall(item.object.cancel, item.object)
            end
        end
        if next(targets) == nil then
            return
        end
        if not is_flushed then
            is_flushed = true
            pcall(jit.flush)
        end
        turn(targets)
        if clock.monotonic() >= until_time then
            return
        end
        pcall(fiber.sleep, PAUSE)
    end
end

return {run = run}
