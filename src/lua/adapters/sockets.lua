--- Adapter: servers that the new code opens on ports of its own. They are open
-- at once; when the new code fails, they are closed again.

local require = ...
local errno = require('errno')
local socket = require('socket')

local Sockets = {name = 'sockets'}
Sockets.__index = Sockets

local function new(txn)
    return setmetatable({txn = txn, opened = {}}, Sockets)
end

function Sockets.snapshot()
end

function Sockets:stage()
    local txn, opened, original = self.txn, self.opened, socket.tcp_server
    self.original = original
    self.staged = function(...)
        local server, extra = original(...)
        if server == nil and errno() == errno.EADDRINUSE and txn.staging and txn.origin:is_asking() then
            self.has_met_conflict = true
            errno(errno.EADDRINUSE)
        elseif server ~= nil and txn.staging and txn.origin:is_asking() then
            table.insert(opened, server)
        end
        return server, extra
    end
    socket.tcp_server = self.staged
end

function Sockets:mark()
    local count = #self.opened
    return function()
        while #self.opened > count do
            local server = table.remove(self.opened)
            pcall(server.close, server)
        end
        self.has_met_conflict = nil
    end
end

local function unstage(self)
    if socket.tcp_server == self.staged then
        socket.tcp_server = self.original
    end
end

function Sockets:commit()
    unstage(self)
end

function Sockets:rollback(undone, left)
    unstage(self)
    for _, server in ipairs(self.opened) do
        local ok, name = pcall(server.name, server)
        if ok and name ~= nil then
            local label = ('server on %s:%s'):format(tostring(name.host), tostring(name.port))
            table.insert(pcall(server.close, server) and undone or left, label)
        end
    end
end

return {new = new}
