-- A function with two names has become two functions.
require('bus').handlers.get = require('shop').get
