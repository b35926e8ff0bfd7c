-- core/deadline.lua: the deadline of a command.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.deadline')

--- Returns the deadline while the monotonic clock shows 100 and the unix time is 5000.
local function deadline(args)
    local clock = {monotonic = function() return 100 end, time = function() return 5000 end}
    return lib.load('core.deadline', {clock = clock}).of(args)
end

case('the deadline is the time limit from now on', function(t)
    t:is(deadline({timeout = 7}), 107, 'given')
    t:is(deadline({}), 160, 'default')
end)

case('a request that was read late has less time', function(t)
    t:is(deadline({timeout = 60, not_after = 5010}), 110, 'until the client gives up')
    t:is(deadline({timeout = 5, not_after = 5010}), 105, 'but not more than the limit')
    t:is(deadline({timeout = 60, not_after = 4990}), 90, 'it may be over')
end)

lib.run()
