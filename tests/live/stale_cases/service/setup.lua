-- A rock keeps the function in cartridge.vars, and offers it as a service.
require('bus').keep(require('shop').get)
