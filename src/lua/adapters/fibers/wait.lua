--- Waits for fibers by polling.

local require = ...
local clock = require('clock')
local fiber = require('fiber')

-- Interval between two checks of the condition, in seconds.
local TURN = 0.01

--- Waits until a condition holds for all items of a list, or until `until_time`. Yields.
-- @tparam {table,...} list
-- @tparam number until_time on the monotonic clock
-- @tparam function is_over (item) -> whether the condition holds; must not yield
-- @treturn {table,...} the items for which the condition does not hold yet
local function wait_for(list, until_time, is_over)
    while true do
        local left = {}
        for _, item in ipairs(list) do
            if not is_over(item) then
                table.insert(left, item)
            end
        end
        if #left == 0 or clock.monotonic() >= until_time then
            return left
        end
        list = left
        fiber.sleep(TURN)
    end
end

return wait_for
