-- A module in the old style makes global variables and returns nothing. Others keep
-- what was there. One of the tables is also used by the main script.
rawset(_G, 'registry', {main = function() return 'main' end})
require('shop')
local shop, find = shop, find -- luacheck: ignore
rawset(_G, 'held', {shop = shop, registry = rawget(_G, 'registry')})
rawset(_G, 'call', function()
    return shop.get() .. shop.limits.max, find()
end)
