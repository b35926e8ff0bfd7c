-- Modules that are made of functions of another one, and of no file.
local shop = require('shop')
package.loaded.legacy = {get = shop.get}
package.preload.late = shop.load
