-- Test stand-in for the role of the rock `http`, written from its observed
-- behaviour: servers by name, on host:port.

local server = require('http.server')

local servers = {}
local M = {}

local function address(node)
    local host, port = tostring(node.listen):match('^(.-):?(%d+)$')
    return host ~= '' and host or '0.0.0.0', tonumber(port)
end

function M.validate(conf)
    for _, node in pairs(conf or {}) do
        assert(select(2, address(node)) ~= nil, 'a server needs a port')
    end
end

function M.apply(conf)
    for name, node in pairs(conf or {}) do
        if servers[name] == nil then
            local host, port = address(node)
            servers[name] = {httpd = server.new(host, port, {log_requests = false})}
            servers[name].httpd:start()
        end
    end
    for name, entry in pairs(servers) do
        if (conf or {})[name] == nil then
            entry.httpd:stop()
            servers[name] = nil
        end
    end
end

function M.stop()
    for _, entry in pairs(servers) do
        entry.httpd:stop()
    end
    servers = {}
end

function M.get_server(name)
    local entry = servers[name or 'default']
    return entry and entry.httpd
end

return M
