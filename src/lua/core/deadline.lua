--- Computes the deadline of a command.

local require = ...
local clock = require('clock')

--- Returns the deadline of a command: `timeout` seconds from now, or `not_after` if that
-- is earlier. At `not_after`, the client stops waiting. `not_after` is earlier if the
-- instance reads the request late.
-- @tparam table args arguments of the command: `timeout` in seconds, `not_after` (Unix
--   time)
-- @treturn number seconds on the monotonic clock
local function of(args)
    local left = args.timeout or 60
    if args.not_after ~= nil then
        left = math.min(left, args.not_after - clock.time())
    end
    return clock.monotonic() + left
end

return {of = of}
