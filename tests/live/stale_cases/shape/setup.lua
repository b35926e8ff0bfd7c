-- What was a function is a table in the new module.
require('bus').handlers.get = require('shop').get
