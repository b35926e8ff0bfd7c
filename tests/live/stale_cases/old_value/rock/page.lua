local fiber = require('fiber')
local shop = require('shop')
local M = {}

function M.show()
    return shop.limits.low, #shop.names
end

function M.start()
    local mine = require('shop')
    fiber.create(function()
        local held = mine
        mine = nil
        fiber.name('page')
        while true do
            rawset(_G, 'seen', held.count)
            fiber.sleep(0.002)
        end
    end)
end

return M
