-- A module puts functions into a space and into an object of a library, and
-- another version of it into others. These are not its own: they get nothing that
-- was not meant for them.
box.schema.space.create('a'):create_index('pk')
box.schema.space.create('b'):create_index('pk')
local store = require('store')
rawset(_G, 'first', store.new('a'))
for _, name in ipairs({'b', 'c', 'd'}) do
    store.new(name)
end
require('shop')
require('pick')
