local get, find = rawget(_G, 'call')()
local held = rawget(_G, 'held')
return get, find, 'held max ' .. held.shop.limits.max, held.registry.main(), held.registry.shop()
