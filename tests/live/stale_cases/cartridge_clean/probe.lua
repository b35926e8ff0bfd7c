local cartridge = require('cartridge')
local httpd = cartridge.service_get('httpd')
local url = ('http://127.0.0.1:%d/hello'):format(httpd.port)

rawset(_G, 'seen', 'nothing')
local connection = require('socket').tcp_connect('unix/', os.getenv('TARANTOOL_CONSOLE_SOCK'))
connection:read('\n')
connection:close()
return cartridge.rpc_call('role', 'get'),
    require('http.client').get(url).body,
    httpd.helpers.version(),
    rawget(_G, 'seen')
