-- The main script keeps the table of a module in all kinds of places: its data is
-- that of the new module afterwards.
local fiber = require('fiber')
local shop = require('shop')
package.loaded['shop.alias'] = shop
rawset(_G, 'held', {
    inherits = setmetatable({}, {__index = shop}),
    bound = require('binder').bind(shop),
    scoped = setfenv(function() return limit end, shop), -- luacheck: ignore
    resumed = coroutine.wrap(function(argument)
        while true do
            coroutine.yield(argument.limit)
        end
    end),
})
rawget(_G, 'held').resumed(shop)
fiber.create(function()
    fiber.name('held')
    fiber.self().storage.shop = shop
    local own = shop
    while true do
        rawset(_G, 'seen', own.limit .. '-' .. fiber.self().storage.shop.limit)
        fiber.sleep(0.005)
    end
end)
