local connection = require('socket').tcp_connect('unix/', './shop.sock')
local line = connection:read('\n', 2)
connection:close()
return (line:gsub('\n', ''))
