-- The main script makes a function global, under another name.
rawset(_G, 'get_balance', require('shop').get)
