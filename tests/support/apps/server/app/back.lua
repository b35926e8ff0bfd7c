-- Opens its server when a function is called.

local http_server = require('http.server')

local VERSION = 1
-- insert: back_top

local M = {version = VERSION}

function M.start()
    local httpd = http_server.new('127.0.0.1', tonumber(os.getenv('SECOND_PORT')), {log_requests = false})
    httpd:route({path = '/version', method = 'GET'}, function()
        return {status = 200, body = 'back v' .. VERSION}
    end)
    httpd:start()
    M.httpd = httpd
end

-- insert: back_end
return M
