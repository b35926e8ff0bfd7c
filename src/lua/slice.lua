--- Work in slices: long loops call `slice.pause` at each turn, which lets
-- others run when the slice has lasted too long.

local require = ...
local clock = require('clock')
local fiber = require('fiber')

-- Seconds. A request that arrives waits this long at the most, plus one turn.
local BUDGET = 0.002

local started = clock.monotonic()

--- Whether the current slice has used up its budget.
local function is_over()
    return clock.monotonic() - started > BUDGET
end

--- Yields if the current slice has used up its budget.
local function pause()
    if is_over() then
        fiber.sleep(0)
        started = clock.monotonic()
    end
end

--- Begins a slice, after something else has yielded.
local function restart()
    started = clock.monotonic()
end

return {is_over = is_over, pause = pause, restart = restart}
