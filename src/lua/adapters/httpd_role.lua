--- Adapter: the HTTP servers of the `roles.httpd` role.
--
-- Other roles call its `get_server(name)` function to get a server. New code gets a
-- staging proxy from this function. The `stop` function of an old role gets another
-- proxy, which drops all changes that `stop` makes to routes, hooks and helpers.

local HttpdRole = {name = 'httpd role'}
HttpdRole.__index = HttpdRole

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table role the value that the `roles.httpd` module returned
-- @tparam table http the `adapters.http` module
local function new(txn, role, http)
    return setmetatable({txn = txn, role = role, http = http, servers = {}, proxies = {}}, HttpdRole)
end

local function list_servers(role)
    local list = {}
    for index = 1, 255 do
        local name, value = debug.getupvalue(role.get_server, index)
        if name == nil then
            break
        elseif name == 'servers' and type(value) == 'table' then
            for _, server in pairs(value) do
                if type(server) == 'table' and type(server.httpd) == 'table'
                and type(server.httpd.routes) == 'table' then
                    table.insert(list, server.httpd)
                end
            end
        end
    end
    return list
end

function HttpdRole:snapshot()
    self.live = type(self.role.get_server) == 'function' and list_servers(self.role) or {}
end

function HttpdRole:stage()
    local txn, original = self.txn, self.role.get_server
    for _, live in ipairs(self.live) do
        local server = txn:add(self.http.new(txn, live))
        table.insert(self.servers, server)
        self.proxies[live] = server.proxy
    end
    if original == nil then
        return
    end
    self.original = original
    self.staged = function(...)
        local server = original(...)
        if self.stopping ~= nil and txn.ownership:is_stopping() then
            return self.stopping[server] or server
        elseif txn.staging and txn.ownership:is_new_code() then
            return self.proxies[server] or server
        end
        return server
    end
    self.role.get_server = self.staged
end

--- Sets the proxies that the `stop` function of an old role gets from `get_server`.
-- @tparam table proxies live server -> its proxy
function HttpdRole:retire(proxies)
    self.stopping = proxies
end

--- Removes the wrapper of `get_server`. Must be called after the old roles have
-- stopped.
function HttpdRole:settle()
    self.stopping = nil
    if self.staged ~= nil and self.role.get_server == self.staged then
        self.role.get_server = self.original
    end
end

--- From now on, `get_server` returns the live servers to new code. It stays wrapped until
-- `settle`, because it must still return proxies to the `stop` functions of old roles.
function HttpdRole:commit()
    self.proxies = {}
end

function HttpdRole:rollback()
    self:settle()
end

return {new = new}
