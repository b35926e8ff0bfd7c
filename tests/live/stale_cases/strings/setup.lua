-- The metatable of all strings has the function.
getmetatable('').__index = require('shop').index
