--- Calls the `stop` of old roles. This happens after the commit, once the new roles
-- are serving and all requests that started on old code have finished, so that no
-- request uses a stopped role.
--
-- The new role has set up services, routes and variables under the same names as
-- the old role. So `stop` runs with a separate view: it finds the modules, services
-- and variables of its own generation. Its changes to these, to routes and to
-- triggers are dropped: the commit has already replaced what the old role had set
-- up.
--
-- If `stop` removes globals that new code has set, or registrations of new code
-- with libraries, they are restored, see `stop_guard`. Only what the old role
-- itself holds is really closed or ended: sockets, connections, fibers and
-- channels.

local require = ...
local fibers_lib = require('platform.fibers')

local RoleStop = {}
RoleStop.__index = RoleStop

--- Prepares to stop old roles. Changes nothing before `stop` is called.
-- @tparam table txn the transaction
-- @tparam table framework see `frameworks.detect`
-- @tparam table adapters name -> Lua module of an adapter
-- @tparam table servers the adapter `http_servers` of this transaction
local function new(txn, framework, adapters, servers)
    return setmetatable({
        txn = txn,
        framework = framework,
        adapters = adapters,
        servers = servers,
        parts = {},
    }, RoleStop)
end

local function no()
    return false
end

--- Creates a substitute for the transaction, for adapters that must stage what
-- `stop` changes and then drop it. To these adapters, the running `stop` appears
-- as the new code of a reload that is never committed.
local function discarding(txn)
    local function is_stopping()
        return txn.ownership:is_stopping()
    end
    return {
        staging = true,
        stash = txn.stash,
        ownership = {
            files = {},
            is_asking = is_stopping,
            is_new_code = is_stopping,
            is_new = no,
            is_old = no,
            wraps_new = no,
            wraps_old = no,
        },
    }
end

--- Gives `stop` its separate view.
local function open(self)
    local facade = discarding(self.txn)
    self.parts = {self.adapters.triggers.new(facade)}
    local proxies = {}
    for _, server in ipairs(self.servers:list()) do
        table.insert(self.parts, self.adapters.http.new(facade, server.live))
    end
    for _, part in ipairs(self.parts) do
        part:snapshot()
        local proxy = part:stage()
        if part.live ~= nil then
            proxies[part.live] = proxy
        end
    end
    self.framework:retire(proxies)
    if self.stop_guard ~= nil then
        self.stop_guard:open()
    end
end

--- Ends the separate view of `stop`. A `stop` that has not returned by the end of
-- the reload continues without it. A second call does nothing.
function RoleStop:close()
    for i = #self.parts, 1, -1 do
        self.parts[i]:discard()
    end
    self.parts = {}
    if self.stop_guard ~= nil then
        self.stop_guard:close()
    end
end

--- Protects registrations and fibers of new code from every `stop` that runs from
-- now on.
-- @tparam table guard the protection, see `stop_guard`
function RoleStop:protect(guard)
    self.stop_guard = guard
end

--- Stops old roles. Yields.
-- @tparam {table,...} roles in the order in which they stop
-- @tparam function call (role) calls the `stop` of one role
function RoleStop:stop(roles, call)
    if #roles == 0 then
        return
    end
    local txn = self.txn
    open(self)
    for _, role in ipairs(roles) do
        local put_back = txn:guard()
        local restore = self.stop_guard and self.stop_guard:watch()
        local has_yielded = fibers_lib.watch_yield()
        txn.ownership:call_stop(call, role)
        if restore then
            restore(has_yielded())
        end
        put_back()
    end
    self:close()
end

return {new = new}
