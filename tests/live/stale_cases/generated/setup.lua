-- A module makes functions in a loop. Each has a name of its own, and data of
-- its own.
require('bus').handlers.get = require('shop').put
