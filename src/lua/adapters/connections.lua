--- Adapter: `net.box` connections and sockets that new code itself has opened.
--
-- A rollback closes them, because they could occupy a port that an old role needs
-- again. It does not close connections that new code gets from a library, such as a
-- connection pool. They belong to the library, and old code may also use them.

local require = ...
local net_box = require('net.box')
local socket = require('socket')

-- Prefix of this program's chunk names. Functions of this program may be on the stack
-- between new code and the constructor of a connection, because the `endings` adapter
-- also wraps `net_box.connect` and `net_box.new`.
local OURS = '@cartridge-reload/'

local Connections = {name = 'connections'}
Connections.__index = Connections

local function new(txn)
    return setmetatable({txn = txn, opened = {}, wrapped = {}}, Connections)
end

function Connections.snapshot()
end

--- Returns whether the current call of a wrapped constructor comes from new code. The
-- caller is the innermost function on the stack that is neither a C function nor a Lua
-- function of Tarantool or of this program.
local function is_called_by_new(txn)
    local level = 3
    while true do
        local info = debug.getinfo(level, 'fS')
        if info == nil then
            return false
        elseif info.what ~= 'C' and info.source:sub(1, 9) ~= '@builtin/'
        and info.source:sub(1, #OURS) ~= OURS then
            return txn.ownership:is_new(info.func)
        end
        level = level + 1
    end
end

--- Wraps a constructor to record the objects that it creates for new code.
local function wrap(self, holder, name)
    local txn, opened, original = self.txn, self.opened, holder[name]
    if type(original) ~= 'function' then
        return
    end
    local function staged(...)
        local is_ours = txn.staging and is_called_by_new(txn)
        local object, extra = original(...)
        if is_ours and object then
            table.insert(opened, object)
        end
        return object, extra
    end
    table.insert(self.wrapped, {holder = holder, name = name, original = original, staged = staged})
    holder[name] = staged
end

function Connections:stage()
    wrap(self, net_box, 'connect')
    wrap(self, net_box, 'new')
    wrap(self, socket, 'tcp_connect')
    wrap(self, socket, 'bind')
    wrap(self, debug.getmetatable(socket) or {}, '__call')
end

local function unstage(self)
    for _, item in ipairs(self.wrapped) do
        if item.holder[item.name] == item.staged then
            item.holder[item.name] = item.original
        end
    end
end

--- Describes a connection or socket for the report.
-- @treturn ?string nil if the object is closed
local function describe(object)
    if object.state ~= nil then
        return object.state ~= 'closed' and object.state ~= 'error'
            and ('connection to %s:%s'):format(tostring(object.host), tostring(object.port)) or nil
    end
    local ok, name = pcall(object.name, object)
    return ok and name ~= nil and ('socket on %s:%s'):format(tostring(name.host), tostring(name.port)) or nil
end

-- Methods of a `net.box` connection that set, list and remove callbacks.
local EVENTS = {'on_connect', 'on_disconnect', 'on_schema_reload', 'on_shutdown'}

--- Removes the callbacks of a connection before it is closed. Callbacks of failed code
-- must not run, and Tarantool would keep them until the connection is
-- garbage-collected.
local function silence(connection)
    for _, event in ipairs(EVENTS) do
        local set = connection[event]
        local ok, callbacks = pcall(set, connection)
        for _, callback in ipairs(ok and type(callbacks) == 'table' and callbacks or {}) do
            pcall(set, connection, nil, callback)
        end
    end
    local watchers = rawget(connection, '_watchers')
    for key in pairs(type(watchers) == 'table' and watchers or {}) do
        watchers[key] = nil
    end
end

local function close(object)
    if object.state ~= nil then
        silence(object)
    end
    return pcall(object.close, object)
end

function Connections:mark()
    local count = #self.opened
    return function()
        while #self.opened > count do
            close(table.remove(self.opened))
        end
    end
end

function Connections:commit()
    unstage(self)
end

function Connections:rollback(undone)
    unstage(self)
    for _, object in ipairs(self.opened) do
        local label = describe(object)
        if label ~= nil and close(object) then
            table.insert(undone, label)
        end
    end
end

return {new = new}
