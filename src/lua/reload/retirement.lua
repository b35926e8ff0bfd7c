--- How old roles stop: after the commit, when the new ones serve and the requests
-- that began with old code have ended, so that no request meets a role that was
-- stopped.
--
-- What `stop` undoes has the names of what the new role has set up: the same
-- service, the same route, the same variable. So `stop` runs in the world of its
-- own generation. It finds the old modules, services and variables, and what it
-- changes there, and in routes and triggers, is dropped: the commit has replaced
-- it. Globals that it removes are put back if new code has set them, and so is
-- what libraries hold of the new code, see `reinstate`. What it holds itself it
-- ends for real: its sockets, connections, fibers and channels.

local require = ...
local fibers_lib = require('platform.fibers')

local Retirement = {}
Retirement.__index = Retirement

--- @tparam table txn the transaction
-- @tparam table framework see `frameworks.detect`
-- @tparam table adapters name -> module of an adapter
-- @tparam table servers the adapter of servers
local function new(txn, framework, adapters, servers)
    return setmetatable({
        txn = txn,
        framework = framework,
        adapters = adapters,
        servers = servers,
        parts = {},
    }, Retirement)
end

local function no()
    return false
end

--- A transaction whose only new code is the running `stop`: what adapters stage
-- for it is never committed.
local function discarding(txn)
    local function is_stopping()
        return txn.origin:is_stopping()
    end
    return {
        staging = true,
        registry = txn.registry,
        origin = {
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

local function open(self)
    local facade = discarding(self.txn)
    self.parts = {self.adapters.triggers.new(facade)}
    local stand_ins = {}
    for _, server in ipairs(self.servers:list()) do
        table.insert(self.parts, self.adapters.http.new(facade, server.live))
    end
    for _, part in ipairs(self.parts) do
        part:snapshot()
        local stand_in = part:stage()
        if part.live ~= nil then
            stand_ins[part.live] = stand_in
        end
    end
    self.framework:retire(stand_ins)
    if self.reinstate ~= nil then
        self.reinstate:open()
    end
end

--- Removes that view. A `stop` that has not returned by the end of the reload
-- continues without it. A second call does nothing.
function Retirement:close()
    for i = #self.parts, 1, -1 do
        self.parts[i]:discard()
    end
    self.parts = {}
    if self.reinstate ~= nil then
        self.reinstate:close()
    end
end

--- Protects what the new code has set up, from now on.
-- @tparam table reinstate see there
function Retirement:protect(reinstate)
    self.reinstate = reinstate
end

--- Calls `stop` of old roles.
-- @tparam {table,...} roles in the order in which they are to stop
-- @tparam function call gets each of them
function Retirement:stop(roles, call)
    if #roles == 0 then
        return
    end
    local txn = self.txn
    open(self)
    for _, role in ipairs(roles) do
        local put_back = txn:guard()
        local reinstate = self.reinstate and self.reinstate:watch()
        local has_yielded = fibers_lib.watch_yield()
        txn.origin:call_stop(call, role)
        if reinstate then
            reinstate(has_yielded())
        end
        put_back()
    end
    self:close()
end

return {new = new}
