-- A role with a space trigger, a loop and a function for other roles.

local fiber = require('fiber')

local VERSION = 1
-- insert: store_top

local M = {version = VERSION}

local trigger, loop

local function count(_, new)
    rawset(_G, 'counted', (rawget(_G, 'counted') or 0) + 1)
    return new
end

local function tick()
    fiber.name('ticker')
    while true do
        rawset(_G, 'ticked', VERSION)
        fiber.sleep(0.01)
    end
end

function M.validate(cfg)
    assert(cfg.greeting ~= nil, 'no greeting')
    -- insert: store_validate
end

function M.apply(cfg)
    rawset(_G, 'applied', (rawget(_G, 'applied') or 0) + 1)
    box.schema.space.create('goods', {if_not_exists = true})
    box.space.goods:create_index('pk', {if_not_exists = true})
    M.greeting = cfg.greeting
    if trigger == nil then
        trigger = box.space.goods:on_replace(count)
    end
    if loop == nil then
        loop = fiber.create(tick)
    end
    -- insert: store_apply
end

function M.stop()
    if trigger ~= nil then
        box.space.goods:on_replace(nil, trigger)
        trigger = nil
    end
    if loop ~= nil then
        loop:cancel()
        loop = nil
    end
    -- insert: store_stop
end

function M.on_event(_, key)
    rawset(_G, 'events', (rawget(_G, 'events') or '') .. ' v' .. VERSION .. ':' .. key)
end

return M
