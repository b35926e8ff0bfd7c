-- Opens its server when it is loaded.

local http_server = require('http.server')

local VERSION = 1
-- insert: front_top

local M = {version = VERSION}

local httpd = http_server.new('127.0.0.1', tonumber(os.getenv('TARANTOOL_HTTP_PORT')), {log_requests = false})
httpd:route({path = '/version', method = 'GET'}, function()
    return {status = 200, body = 'v' .. VERSION}
end)
httpd:route({path = '/named', method = 'GET', name = 'named'}, function()
    return {status = 200, body = 'named v' .. M.version}
end)
-- insert: front_routes
httpd:start()
-- insert: front_end
M.httpd = httpd

return M
