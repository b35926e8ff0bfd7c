--- When the time of a command is over.

local require = ...
local clock = require('clock')

--- The end of the time, on the monotonic clock. The client's own time may be
-- over before: the request may have waited to be read.
-- @tparam table args of the command: `timeout` in seconds, `not_after` (unix
--   time)
-- @treturn number seconds
local function of(args)
    local left = args.timeout or 60
    if args.not_after ~= nil then
        left = math.min(left, args.not_after - clock.time())
    end
    return clock.monotonic() + left
end

return {of = of}
