--- Ends fibers of failed code that continue to run after they have been cancelled.
--
-- A cancelled fiber wakes up with an error, but may catch the error and continue.
-- Therefore a count hook raises another error at each Lua instruction of the fiber,
-- until the fiber has left the failed code. The hook slows down all fibers, so it is
-- removed after one iteration of the event loop, and installed again after a delay.
--
-- The hook raises no error in code of Tarantool or of this program. LuaJIT does not
-- call hooks from compiled code. Therefore traces are flushed, and the JIT compiler is
-- off while the hook is installed.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local generations = require('code.generations')

-- For how long, in seconds, the event loop runs without the hook between two of its
-- iterations with the hook.
local PAUSE = 0.01

--- Returns whether the hook may raise an error in the function that it has interrupted.
-- That function is at stack level 3: level 1 is `may_raise`, and level 2 is the hook.
local function may_raise()
    local info = debug.getinfo(3, 'fS')
    return info ~= nil and info.source:sub(1, 9) ~= '@builtin/' and not generations.is_ours(info.func)
end

--- Runs one iteration of the event loop with the hook installed. Yields.
-- @tparam table targets set of the ids of the fibers to end
local function run_loop_with_hook(targets)
    local hook, mask, count = debug.gethook()
    local has_jit = jit.status()
    local function raise()
        if targets[fiber.id()] and may_raise() then
            error('this code belongs to a failed reload', 0)
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

--- Ends as many of the given fibers as possible before a given time. Does nothing if a
-- debugger has set a hook. Yields.
-- @tparam {table,...} list fibers {id, object}
-- @tparam number until_time on the monotonic clock, in seconds
-- @tparam function is_over (item) -> whether the fiber has ended
-- @tparam ?function own_hook a hook of this program, which this function is allowed to
--   replace during the call
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
                -- Another cancellation wakes up the fiber again, unless the fiber is
                -- waiting for a disk write.
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
        run_loop_with_hook(targets)
        if clock.monotonic() >= until_time then
            return
        end
        pcall(fiber.sleep, PAUSE)
    end
end

return {run = run}
