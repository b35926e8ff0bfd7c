--- Calls the `stop` functions of old roles, normally after the commit, when the new roles
-- are serving and no request uses the old ones.
--
-- The new version of a role uses the same names for services, routes and variables as
-- the old version. Therefore `stop` runs with a separate view, in which it finds the
-- modules, services and variables of its own generation. Its changes to them, and to
-- routes and triggers, are dropped, because the commit has already replaced what the old
-- role had set up.
--
-- If `stop` removes globals of new code, the `globals` adapter restores them. If `stop`
-- removes what new code has registered with libraries, `stop_guard` restores it. Only
-- the sockets, connections, fibers and channels of the old role itself are actually
-- closed or ended.

local require = ...
local fibers_lib = require('platform.fibers')

local RoleStop = {}
RoleStop.__index = RoleStop

--- Creates the object that stops old roles. Changes nothing yet.
-- @tparam table txn the transaction
-- @tparam table framework see `frameworks.detect`
-- @tparam table adapters name -> Lua module of an adapter
-- @tparam table servers the `http_servers` adapter of this transaction
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

--- Creates a substitute for the transaction. It is passed to the adapters that stage the
-- changes made by `stop`. To these adapters, `stop` appears to be the new code of a reload
-- that is never committed, so they drop its changes.
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

--- Gives `stop` functions a separate view of services and variables. From now on, their
-- changes to routes and triggers are dropped. If `protect` has set a guard, new code is also
-- protected from the `stop` functions.
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

--- Stops dropping the changes that `stop` functions make to routes and triggers, and stops
-- protecting new code from these functions. This applies even to a `stop` that is still
-- running when the reload ends. A second call does nothing.
function RoleStop:close()
    for i = #self.parts, 1, -1 do
        self.parts[i]:discard()
    end
    self.parts = {}
    if self.stop_guard ~= nil then
        self.stop_guard:close()
    end
end

--- Sets the guard that protects registrations and fibers of new code from later `stop`
-- calls.
-- @tparam table guard see `stop_guard`
function RoleStop:protect(guard)
    self.stop_guard = guard
end

--- Stops old roles. Yields.
-- @tparam {table,...} roles in the order in which they stop
-- @tparam function call function (role) that calls the `stop` of a role
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
