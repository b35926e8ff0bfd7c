-- The code of the function is a text: nobody can tell that it was the module
-- that compiled it.
require('bus').handlers.get = require('shop').compile()
