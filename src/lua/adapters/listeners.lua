--- Adapter: servers that the application opens on its own ports, with
-- `socket.tcp_server` or with functions that call it, such as `console.listen`. HTTP
-- servers have their own adapter, `http_servers`.
--
-- Old and new code cannot both listen on a port. So new code takes over the old socket:
-- if it opens a server on the same port, it gets a proxy of that socket. At the commit,
-- the handler of the new server begins to serve new connections.
--
-- If new code closes the old socket, the call is deferred until the commit. The commit
-- drops the call if new code has taken over the socket.
--
-- If the port is free, the server is opened at once, and a rollback closes it again.

local require = ...
local errno = require('errno')
local listeners_lib = require('platform.listeners')
local socket = require('socket')

local Sockets = {name = 'listeners'}
Sockets.__index = Sockets

local function new(txn)
    return setmetatable({
        txn = txn,
        opened = {},    -- sockets on ports that were free
        taken = {},     -- {listener, options, proxy} in the order in which they were taken
        closed = {},    -- set of live sockets whose close is deferred
        closes = {},    -- live socket -> {original, staged}
    }, Sockets)
end

--- Finds the servers that new code can take over. May yield.
function Sockets:snapshot()
    self.live = {}
    for _, listener in ipairs(listeners_lib.list()) do
        if listener.options.http_server == nil then
            table.insert(self.live, listener)
        end
    end
end

--- Resolves the address on which a server with the given host and port would listen.
-- Yields.
-- @treturn ?table {host, port}
local function resolve(host, port)
    if host == 'unix/' then
        return {host = host, port = port}
    end
    local ok, addresses = pcall(socket.getaddrinfo, host, port, nil, {type = 'SOCK_STREAM', flags = 'AI_PASSIVE'})
    return ok and type(addresses) == 'table' and addresses[1] or nil
end

local function handler_of(options)
    return type(options) == 'table' and options.handler or options
end

--- Finds the old server at the address where new code opens a server. New code may
-- take over the old server if the old handler is code of the application. It may also
-- do so if both handlers have the same code, as when a library opens both servers.
-- Yields.
-- @treturn ?table nil if new code may not take over any old server
local function find(self, host, port, options)
    local address = #self.live > 0 and resolve(host, port)
    for _, listener in ipairs(address and self.live or {}) do
        local ok, name = pcall(listener.socket.name, listener.socket)
        local handler = listener.options.handler
        if ok and name ~= nil and tostring(name.host) == tostring(address.host)
        and tostring(name.port) == tostring(address.port)
        and (self.txn.ownership:wraps_old(handler) or self.txn.ownership.is_same(handler, handler_of(options))) then
            return listener
        end
    end
    return nil
end

--- Creates a proxy of a live socket. Closing the proxy has no effect before the commit.
-- After the commit, the proxy forwards `close` to the live socket.
local function make_proxy(self, live)
    -- New code may keep this function, for example in `package.reload`, and call it
    -- after the commit.
    local function close()
        return not self.is_committed or live:close()
    end
    return setmetatable({close = close}, {
        __index = live,
        __newindex = live,
        __tostring = function() return tostring(live) end,
        __serialize = function() return tostring(live) end,
    })
end

local function is_taken(self, live)
    for _, item in ipairs(self.taken) do
        if item.listener.socket == live then
            return true
        end
    end
    return false
end

--- Wraps `close` of a live socket until `settle`. A call by new code is deferred until
-- the commit. A call by the `stop` function of an old role does nothing if new code
-- has taken over the socket.
local function guard_close(self, live)
    local txn, own, close = self.txn, rawget(live, 'close'), live.close
    local function staged(s, ...)
        if is_taken(self, live) and txn.ownership:is_stopping() then
            return true
        elseif txn.staging and txn.ownership:is_asking() and not txn.ownership:is_stopping() then
            self.closed[live] = true
            return true
        end
        return close(s, ...)
    end
    self.closes[live] = {original = close, own = own, staged = staged}
    rawset(live, 'close', staged)
end

function Sockets:stage()
    local txn, original = self.txn, socket.tcp_server
    self.original = original
    self.staged = function(host, port, options, ...)
        if not (txn.staging and txn.ownership:is_asking()) then
            return original(host, port, options, ...)
        end
        local listener = type(handler_of(options)) == 'function' and find(self, host, port, options)
        if listener then
            local proxy = make_proxy(self, listener.socket)
            table.insert(self.taken, {listener = listener, options = options, proxy = proxy})
            return proxy, listener.addr
        end
        local server, extra = original(host, port, options, ...)
        if server == nil and errno() == errno.EADDRINUSE then
            self.has_met_conflict = true
            errno(errno.EADDRINUSE)
        elseif server ~= nil then
            table.insert(self.opened, server)
        end
        return server, extra
    end
    socket.tcp_server = self.staged
    for _, listener in ipairs(self.live) do
        guard_close(self, listener.socket)
    end
end

function Sockets:mark()
    local opened, taken = #self.opened, #self.taken
    return function()
        while #self.opened > opened do
            local server = table.remove(self.opened)
            pcall(server.close, server)
        end
        while #self.taken > taken do
            table.remove(self.taken)
        end
        self.has_met_conflict = nil
    end
end

local function unstage(self)
    if socket.tcp_server == self.staged then
        socket.tcp_server = self.original
    end
end

--- Removes the wrapper of each socket's `close`. Must be called after the old roles
-- have stopped, because the wrapper protects the sockets that new code has taken over.
-- A second call does nothing.
function Sockets:settle()
    for live, close in pairs(self.closes) do
        if rawget(live, 'close') == close.staged then
            rawset(live, 'close', close.own)
        end
    end
    self.closes = {}
end

local function take_over(self)
    for _, item in ipairs(self.taken) do
        local serving = item.listener.options
        for key, value in pairs(type(item.options) == 'table' and item.options or {handler = item.options}) do
            serving[key] = value
        end
        -- Once its own `close` is removed, the proxy forwards `close` to the live socket.
        rawset(item.proxy, 'close', nil)
    end
end

--- Returns the function to call in place of a function that old code has kept. If that
-- function is the original `close` of a live socket, calling it would bypass the
-- wrapper.
-- @tparam function f the function that old code has kept
-- @param live the first argument of the call
-- @treturn function the wrapper of `close`, or `f` itself
function Sockets:guarded(f, live)
    local close = self.closes[live]
    return close ~= nil and f == close.original and close.staged or f
end

function Sockets:commit()
    self.is_committed = true
    unstage(self)
    take_over(self)
    for live in pairs(self.closed) do
        if not is_taken(self, live) then
            pcall(self.closes[live].original, live)
        end
    end
end

--- Updates the live sockets after a rollback. Restarted old roles have opened their
-- servers again, and the live sockets get the handlers of these servers.
function Sockets:revive()
    self.is_committed = true
    unstage(self)
    take_over(self)
    self:settle()
end

function Sockets:rollback(undone, left)
    unstage(self)
    self:settle()
    for _, server in ipairs(self.opened) do
        local ok, name = pcall(server.name, server)
        if ok and name ~= nil then
            local label = ('server on %s:%s'):format(tostring(name.host), tostring(name.port))
            table.insert(pcall(server.close, server) and undone or left, label)
        end
    end
end

return {new = new}
