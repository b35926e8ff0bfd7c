-- The function is local to its module: what it is called there is its name.
require('shop').start()
