-- The main script starts a loop, and looks after it: nothing in the new code
-- starts it again.
rawset(_G, 'loop', require('shop').start())
