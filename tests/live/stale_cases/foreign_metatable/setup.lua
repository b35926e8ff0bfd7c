-- A module puts a function into a metatable of a library, and the next version of
-- it into another one: objects of the library keep their own.
local types = require('types')
rawset(_G, 'first', types.new('a'))
rawset(_G, 'second', types.new('b'))
require('shop')
