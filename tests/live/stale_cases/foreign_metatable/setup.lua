-- A module puts a function into a metatable of a library, and the next version of
-- it into another one, which the library makes for it. Objects of the library keep
-- their own.
local types = require('types')
rawset(_G, 'first', types.new('a'))
require('shop')
