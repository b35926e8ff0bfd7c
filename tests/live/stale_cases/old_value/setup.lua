-- A global, an upvalue of a rock and a local variable of a fiber hold the table of
-- a module: they see its new data too, and what another module has put there.
rawset(_G, 'shop', require('shop'))
require('more')
require('page').start()
