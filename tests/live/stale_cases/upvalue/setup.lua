-- A closure of a rock has the function as an upvalue.
rawset(_G, 'show', require('guard').protect(require('shop').get))
