-- A role with a route in a server of the role roles.httpd or, if its config has a
-- port, in a server of its own.

local fiber = require('fiber')
local store = require('app.store')

local VERSION = 1
-- insert: api_top

local M = {dependencies = {'app.store', 'roles.httpd'}, version = VERSION}

local is_routed = false
local own

local function server(cfg)
    if (cfg or {}).port ~= nil then
        own = require('http.server').new('127.0.0.1', cfg.port, {log_requests = false})
        own:start()
    end
    return own or require('roles.httpd').get_server()
end

function M.validate()
end

function M.apply(cfg)
    if not is_routed then
        server(cfg):route({path = '/hello', method = 'GET', name = 'hello'}, function()
            local before = store.version
            fiber.sleep(0.005)
            return {status = 200, body = ('v%d v%d v%d %s'):format(VERSION, before, store.version, store.greeting)}
        end)
        is_routed = true
    end
    -- insert: api_apply
end

function M.stop()
    if own ~= nil then
        own:stop()
        own = nil
    else
        local httpd = require('roles.httpd').get_server()
        if httpd ~= nil and httpd.iroutes.hello ~= nil then
            httpd:delete('hello')
        end
    end
    is_routed = false
end

return M
