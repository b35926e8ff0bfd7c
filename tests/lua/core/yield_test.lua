-- core/yield.lua: when the program yields, and for how long.

local clock = require('clock')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.yield')

--- Starts a fiber that works for a while at each turn and never ends.
-- @treturn function that returns the number of its turns
local function busy(seconds)
    local turns, stop = 0, false
    lib.defer(function() stop = true end)
    fiber.create(function()
        while not stop do
            turns = turns + 1
            local last = clock.monotonic() + seconds
            while clock.monotonic() < last do -- luacheck: ignore
            end
            fiber.sleep(0)
        end
    end)
    return function() return turns end
end

local function work(seconds)
    local last = clock.monotonic() + seconds
    while clock.monotonic() < last do -- luacheck: ignore
    end
end

case('a slice that is not over continues without a yield', function(t)
    local yield = lib.load('core.yield')
    local turns = busy(0.0001)
    yield.reset()
    local before = turns()
    yield.if_due(10)
    t:is(turns(), before, 'nobody else ran')
    t:is(yield.is_due(10), false, 'it is not over')
end)

case('other fibers run between slices, for a limited time', function(t)
    local yield = lib.load('core.yield')
    local turns = busy(0.0001)
    work(0.003)
    t:is(yield.is_due(), true, 'it is over')
    local before = turns()
    yield.if_due(0.002, 0.2)
    t:ok(turns() > before + 1, 'more than a turn')
    local again = turns()
    work(0.003)
    yield.if_due(0.002, 0)
    t:is(turns(), again + 1, 'a turn, where no more is wanted')
end)

case('without other fibers the next slice starts at once', function(t)
    local yield = lib.load('core.yield')
    local best = math.huge
    for _ = 1, 20 do
        work(0.003)
        local began = clock.monotonic()
        yield.if_due(0.002, 10)
        best = math.min(best, clock.monotonic() - began)
    end
    t:ok(best < 1, ('%.6f s'):format(best))
end)

lib.run()
