local shop = require('shop')

return {get = shop.get}
