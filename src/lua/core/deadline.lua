--- Computes the deadline of a command.

local require = ...
local clock = require('clock')

--- Returns the deadline of a command: `timeout` seconds from now, or `not_after`, the
-- time at which the client stops waiting, whichever comes first. `not_after` comes first
-- if the instance was late in reading the request.
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
