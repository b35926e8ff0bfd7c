-- C code of Tarantool keeps the function where only C can see it.
local key_def = require('key_def')
local merger = require('merger')

local source = merger.new_table_source(require('shop').fetch, {}, 1)
local tuples = merger.new(key_def.new({{fieldno = 1, type = 'unsigned'}}), {source})
rawset(_G, 'tuples', tuples)
