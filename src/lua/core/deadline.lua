--- The deadline of a command.

local require = ...
local clock = require('clock')

--- Returns the deadline of a command on the monotonic clock: `timeout` seconds from
-- now, but not after `not_after`. The client stops waiting `timeout` seconds after it
-- has sent the request: `not_after` is that time. It comes first if the instance reads
-- the request late.
-- @tparam table args of the command: `timeout` in seconds, `not_after` (unix time)
-- @treturn number seconds
local function of(args)
    local left = args.timeout or 60
    if args.not_after ~= nil then
        left = math.min(left, args.not_after - clock.time())
    end
    return clock.monotonic() + left
end

return {of = of}
