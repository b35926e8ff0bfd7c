-- A role with a route in a server of the role roles.httpd.

local fiber = require('fiber')
local store = require('app.store')

local VERSION = 1
-- insert: api_top

local M = {dependencies = {'app.store', 'roles.httpd'}, version = VERSION}

local is_routed = false

function M.validate()
end

function M.apply()
    if not is_routed then
        require('roles.httpd').get_server():route({path = '/hello', method = 'GET', name = 'hello'}, function()
            local before = store.version
            fiber.sleep(0.005)
            return {status = 200, body = ('v%d v%d v%d %s'):format(VERSION, before, store.version, store.greeting)}
        end)
        is_routed = true
    end
    -- insert: api_apply
end

function M.stop()
    local server = require('roles.httpd').get_server()
    if server ~= nil and server.iroutes.hello ~= nil then
        server:delete('hello')
    end
    is_routed = false
end

return M
