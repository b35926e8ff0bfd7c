-- The main script starts a loop with an argument, so that it cannot be started
-- again: it goes on, with old code.
rawset(_G, 'loop', require('shop').start())
