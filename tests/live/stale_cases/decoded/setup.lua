-- A module has got decoded tables since it was loaded. Their metatables are the
-- server's, with code that it compiles from text.
require('shop').configure('{"limits": [1, 2]}')
