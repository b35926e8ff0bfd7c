-- The function is at handlers.order.get of its module.
require('bus').handlers.get = require('shop').handlers.order.get
