-- A rock keeps a table of functions that the module has made.
require('bus').handlers = require('shop').handlers
