--- Computes the deadline of a command.

local require = ...
local clock = require('clock')

--- Returns the deadline of a command: `timeout` seconds from now, but not after
-- `not_after`.
--
-- The client stops waiting for the reply at the time `not_after`, which is `timeout`
-- seconds after it has sent the request. `not_after` is the earlier of the two if the
-- instance reads the request late.
-- @tparam table args arguments of the command: `timeout` in seconds, and optionally
--   `not_after`, a Unix time
-- @treturn number seconds on the monotonic clock
local function of(args)
    local left = args.timeout or 60
    if args.not_after ~= nil then
        left = math.min(left, args.not_after - clock.time())
    end
    return clock.monotonic() + left
end

return {of = of}
