require('shop')

return {role_name = 'role', version = 2}
