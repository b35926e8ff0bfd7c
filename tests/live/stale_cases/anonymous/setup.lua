-- The function has no name, and does not come about when the module is loaded.
require('shop').start()
