--- Divides long work into time slices. A long loop calls `if_due` in each iteration, and
-- `if_due` yields if the current slice has lasted too long.

local require = ...
local clock = require('clock')
local fiber = require('fiber')

-- The maximum length of a slice, in seconds. A request that arrives during a slice
-- waits at most this long, plus one iteration of the loop that calls `if_due`.
local BUDGET = 0.002
-- If a turn of the event loop takes less than this time, in seconds, no other fiber was
-- ready to run.
local IDLE = 0.00003
-- The time for other fibers between two slices, in seconds. With only one turn of the
-- event loop between slices, a new connection would wait for several slices.
local OTHERS = 0.002

-- Keep the original `monotonic` and `sleep`, because new code may replace them.
local monotonic, sleep = clock.monotonic, fiber.sleep

local started = monotonic()

--- Returns whether the current slice has used up its budget.
-- @tparam ?number budget in seconds; nil for the default
local function is_due(budget)
    return monotonic() - started > (budget or BUDGET)
end

--- Yields if the current slice has used up its budget.
-- @tparam ?number budget in seconds; nil for the default
-- @tparam ?number others maximum time for other fibers, in seconds; nil for the default.
--   Other fibers always get at least one turn of the event loop.
local function if_due(budget, others)
    if not is_due(budget) then
        return
    end
    local first = monotonic()
    local last = first
    repeat
        local turn = last
        sleep(0)
        last = monotonic()
    until last - turn < IDLE or last - first > (others or OTHERS)
    started = last
end

--- Starts a new time slice. Call this function after a yield that `if_due` did not make.
local function reset()
    started = monotonic()
end

return {if_due = if_due, is_due = is_due, reset = reset}
