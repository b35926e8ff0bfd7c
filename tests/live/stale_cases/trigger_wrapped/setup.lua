-- A rock sets the trigger; the function is an upvalue of it.
box.schema.space.create('users', {if_not_exists = true})
box.space.users:create_index('id', {if_not_exists = true})
require('audit').watch(box.space.users, require('shop').on_replace)
