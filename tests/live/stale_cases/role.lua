-- The role of an application that has none of its own.
require('shop')

return {role_name = 'role'}
