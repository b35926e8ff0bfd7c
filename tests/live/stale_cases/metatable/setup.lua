-- Functions in the metatable of a global.
local shop = require('shop')
rawset(_G, 'prices', setmetatable({}, {__index = shop.price, __call = shop.total}))
