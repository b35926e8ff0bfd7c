-- A rock keeps handlers in an array; their order is the order of the calls.
local shop = require('shop')
table.insert(require('bus').list, shop.put)
table.insert(require('bus').list, shop.get)
