-- A rock keeps the table of a module in an upvalue: it goes on calling through
-- the table of the old generation.
require('page')
