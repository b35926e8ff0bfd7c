-- A module has put methods of its own into a space. Those that the new one puts
-- into another space do not come into this one.
for _, name in ipairs({'a', 'b'}) do
    box.schema.space.create(name):create_index('pk')
end
require('shop')
