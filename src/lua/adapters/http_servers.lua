--- Adapter: HTTP servers (of the `http` rock) that the application itself opens on its
-- own ports.
--
-- Old and new code cannot both listen on a port. So new code takes over a running
-- server: if it creates a server for the same host and port, it gets a staging proxy of
-- the running server. Starting the proxy does nothing. The routes of the proxy become
-- live at the commit. Clients keep their connections.
--
-- If new code stops a server, the call is deferred until the commit. A rollback drops
-- the call. The commit also drops it if new code has taken over the server.

local require = ...
local servers_lib = require('platform.http_servers')

local Servers = {name = 'http_servers'}
Servers.__index = Servers

-- Options of the listening socket. They cannot be changed in a running server.
local OF_SOCKET = {'ssl_cert_file', 'ssl_key_file', 'ssl_password', 'ssl_password_file', 'ssl_ca_file',
    'ssl_ciphers', 'ssl_verify_client'}

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table http the `adapters.http` module
-- @tparam {table,...} others the adapters of the HTTP servers that belong to the
--   framework, such as Cartridge
-- @tparam ?boolean is_reviving true if old roles are being restarted after a rollback;
--   `revive` then applies what they register
local function new(txn, http, others, is_reviving)
    return setmetatable({
        txn = txn,
        http = http,
        others = others,
        is_reviving = is_reviving,
        parts = {},     -- live server -> its adapter, if it was taken over
        order = {},     -- the same adapters in order
        stopped = {},   -- set of live servers whose stop is deferred
        stops = {},     -- live server -> {original, staged}
        options = {},   -- live server -> its new options
    }, Servers)
end

function Servers:snapshot()
    local of_framework = {}
    for _, server in ipairs(self.others) do
        of_framework[server.live] = true
    end
    self.live = {}
    for _, live in ipairs(servers_lib.list()) do
        if not of_framework[live] then
            table.insert(self.live, live)
        end
    end
end

--- Returns the live server that listens on a host and port, or nil.
local function find(self, host, port)
    for _, live in ipairs(self.live) do
        if live.is_run and tostring(live.host) == tostring(host) and tostring(live.port) == tostring(port) then
            return live
        end
    end
    return nil
end

local function has_same_socket(live, fresh)
    for _, option in ipairs(OF_SOCKET) do
        if (live.options or {})[option] ~= (fresh.options or {})[option] then
            return false
        end
    end
    return true
end

local function itself(server)
    return server
end

--- Returns the proxy of a running server. Creates the proxy on the first call.
local function take(self, live)
    local part = self.parts[live]
    if part == nil then
        part = self.http.new(self.txn, live)
        self.parts[live] = part
        table.insert(self.order, part)
        if self.is_reviving then
            part:snapshot()
            part:stage()
        else
            self.txn:add(part)
        end
        rawset(part.proxy, 'start', itself)
        -- New code may keep this function, for example in `package.reload`, and call it
        -- after the commit.
        rawset(part.proxy, 'stop', function(server)
            if self.is_committed then
                live:stop()
            end
            return server
        end)
    end
    return part.proxy
end

function Servers:stage()
    local lib, txn = package.loaded['http.server'], self.txn
    if #self.live == 0 or type(lib) ~= 'table' or type(lib.new) ~= 'function' then
        return
    end
    self.lib, self.original = lib, lib.new
    self.staged = function(host, port, ...)
        local fresh = self.original(host, port, ...)
        local live = txn.staging and txn.ownership:is_asking() and find(self, host, port)
        if not live or not has_same_socket(live, fresh) then
            return fresh
        end
        self.options[live] = fresh.options
        return take(self, live)
    end
    lib.new = self.staged
    for _, live in ipairs(self.live) do
        local stop = live.stop
        local function staged(server, ...)
            if self.parts[live] ~= nil and txn.ownership:is_stopping() then
                -- The new generation has taken over the server: keep the server
                -- running.
                return server
            elseif txn.staging and txn.ownership:is_asking() and not txn.ownership:is_stopping() then
                self.stopped[live] = true
                return server
            end
            return stop(server, ...)
        end
        self.stops[live] = {original = stop, staged = staged}
        live.stop = staged
    end
end

--- Returns the adapters of all servers: those of the framework, and those that new code
-- has taken over.
-- @treturn {table,...}
function Servers:list()
    local list = {}
    for _, servers in ipairs({self.others, self.order}) do
        for _, server in ipairs(servers) do
            table.insert(list, server)
        end
    end
    return list
end

--- Returns the routes and options that a server will have after the commit.
-- @tparam table live the server
-- @treturn {table,...} routes
-- @treturn table set of the routes that new code has registered
-- @treturn table options
function Servers:outlook(live)
    local options = setmetatable({}, {__index = live.options})
    for key, value in pairs(self.options[live] or {}) do
        options[key] = value
    end
    for _, part in ipairs(self:list()) do
        if part.live == live then
            local routes, staged = part:outlook()
            return routes, staged, options
        end
    end
    return live.routes, {}, options
end

local function unstage(self)
    if self.lib ~= nil and self.lib.new == self.staged then
        self.lib.new = self.original
    end
    -- Remove `start` and `stop` from the proxies, so that they forward these calls to
    -- the live servers.
    for _, part in ipairs(self.order) do
        rawset(part.proxy, 'start', nil)
        rawset(part.proxy, 'stop', nil)
    end
end

--- Removes the wrapper of each server's `stop`. Must be called after the old roles have
-- stopped, because the wrapper protects the servers that new code has taken over. A
-- second call does nothing.
function Servers:settle()
    for live, stop in pairs(self.stops) do
        if live.stop == stop.staged then
            live.stop = stop.original
        end
    end
    self.stops = {}
end

--- Returns the function to call in place of a function that old code has kept. If that
-- function is the original `stop` of a live server, calling it would bypass the
-- wrapper.
-- @tparam function f the function that old code has kept
-- @param server the first argument of the call
-- @treturn function the wrapper of `stop`, or `f` itself
function Servers:guarded(f, server)
    local stop = self.stops[server]
    return stop ~= nil and f == stop.original and stop.staged or f
end

function Servers:commit()
    self.is_committed = true
    unstage(self)
    for live, options in pairs(self.options) do
        for key, value in pairs(options) do
            live.options[key] = value
        end
    end
    for live in pairs(self.stopped) do
        if self.parts[live] == nil and live.is_run then
            pcall(self.stops[live].original, live)
        end
    end
end

function Servers:rollback()
    unstage(self)
    self:settle()
end

--- Adds to the live servers the routes, hooks and helpers that old roles registered
-- when they were restarted after a rollback.
function Servers:revive()
    self.is_committed = true
    unstage(self)
    for _, part in ipairs(self.order) do
        part:revive()
    end
    self:settle()
end

return {new = new}
