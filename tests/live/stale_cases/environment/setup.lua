-- A function of a rock finds the function among its global variables, which are
-- not those of the others.
rawset(_G, 'page', require('sandbox').page({show = require('shop').get}))
