-- A rock keeps a handler in a slot of a table, by name.
require('bus').handlers.get = require('shop').get
