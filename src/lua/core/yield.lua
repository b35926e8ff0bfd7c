--- Work in slices: long loops call `slice.pause` at each turn, which lets
-- others run when the slice has lasted too long.

local require = ...
local clock = require('clock')
local fiber = require('fiber')

-- Seconds. A request that arrives waits this long at the most, plus one turn.
local BUDGET = 0.002
-- Seconds. A turn of the event loop that is over sooner had nothing to do.
local IDLE = 0.00003
-- Seconds that others get before it is our turn again. With one turn only, a
-- new connection would wait for as many slices as there are before it.
local OTHERS = 0.002

local started = clock.monotonic()

--- Whether the current slice has used up its budget.
-- @tparam ?number budget seconds, if it is another than usual
local function is_over(budget)
    return clock.monotonic() - started > (budget or BUDGET)
end

--- Yields if the current slice has used up its budget.
-- @tparam ?number budget seconds, if it is another than usual
-- @tparam ?number others seconds that others get at the most, if they have so
--   much to do and it is another time than usual; one turn they get in any case
local function pause(budget, others)
    if not is_over(budget) then
        return
    end
    local first = clock.monotonic()
    local last = first
    repeat
        local turn = last
        fiber.sleep(0)
        last = clock.monotonic()
    until last - turn < IDLE or last - first > (others or OTHERS)
    started = last
end

--- Begins a slice, after something else has yielded.
local function restart()
    started = clock.monotonic()
end

return {is_over = is_over, pause = pause, restart = restart}
