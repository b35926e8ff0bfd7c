-- An array of a rock has the same function twice.
local shop = require('shop')
table.insert(require('bus').list, shop.get)
table.insert(require('bus').list, shop.get)
