-- The module has two local functions of the same name; each is told by the
-- function that uses it.
require('bus').handlers.get = require('shop').stock()
