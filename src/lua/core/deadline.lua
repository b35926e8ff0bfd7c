--- The deadline of a command.

local require = ...
local clock = require('clock')

--- Returns the deadline of a command on the monotonic clock: `timeout` seconds from
-- now, but not after `not_after`. If the request was not read at once, the client
-- stops waiting before `timeout` seconds have passed here.
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
