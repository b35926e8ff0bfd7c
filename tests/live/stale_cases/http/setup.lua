-- The main script registers handlers, so no role does it again.
local httpd = require('cartridge').service_get('httpd')
local shop = require('shop')
httpd:route({method = 'GET', path = '/hello'}, shop.hello)
httpd:hook('before_dispatch', shop.before)
httpd:helper('money', shop.money)
