-- The main script sets the trigger, so the new code does not set it again.
box.schema.space.create('users', {if_not_exists = true})
box.space.users:create_index('id', {if_not_exists = true})
box.space.users:on_replace(require('shop').on_replace)
