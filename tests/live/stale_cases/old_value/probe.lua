local fiber = require('fiber')
local page = require('page')
local low, names = page.show()
rawset(_G, 'seen', nil)
while rawget(_G, 'seen') == nil do
    fiber.sleep(0.001)
end
local shop = rawget(_G, 'shop')
return shop.count, shop.more(), low, names == 2000 and 'names v1' or 'names v2', rawget(_G, 'seen')
