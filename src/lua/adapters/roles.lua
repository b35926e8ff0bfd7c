--- Adapter: Cartridge's role registry and service registry.
--
-- During the transaction, new code sees a separate service registry, which contains the
-- new roles and the staged HTTP server. All other code sees the original registry. At
-- the commit, the new roles replace the old ones in the role registry and in the original
-- service registry. Old code that is still running, in a request or in the `stop` of an
-- old role, sees the old services.

local require = ...
local audiences = require('code.audiences')
local failure = require('core.failure')
local roles_lib = require('platform.roles')

local Roles = {name = 'roles'}
Roles.__index = Roles

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table cartridge as returned by `platform.cartridge.detect`
-- @tparam table modules the modules adapter
local function new(txn, cartridge, modules)
    return setmetatable({txn = txn, cartridge = cartridge, modules = modules}, Roles)
end

function Roles:snapshot()
    self.registry_before = table.copy(self.cartridge:vars('cartridge.roles'))
    self.live = self.cartridge.services()
    self.services_before = table.copy(self.live)
end

--- Gives new code a separate service registry. All other code sees the original
-- registry.
function Roles:stage()
    local txn = self.txn
    self.audiences = audiences.new(self.cartridge:vars('cartridge.service-registry'))
    self.old = self.audiences:add(function()
        return txn.ownership:is_stopping() or txn.committed and txn.ownership:is_old_code()
    end)
    self.new = self.audiences:add(function()
        return txn.staging and txn.ownership:is_new_code()
    end)
    self.staged = table.copy(self.live)
    self.audiences:show(self.new, 'registry', self.staged)
end

--- Sets the service that new code finds under a name.
-- @tparam string name
-- @param service nil to hide the service
function Roles:offer(name, service)
    self.staged[name] = service
end

--- Returns a service from the live service registry.
function Roles:serving(name)
    return self.live[name]
end

--- Gives old code a separate copy of the current service registry. If old code already
-- has a copy, only replaces the HTTP server in it.
-- @tparam ?table httpd the HTTP server for the copy; if nil, the copy keeps its HTTP
--   server
function Roles:retire(httpd)
    if self.retired == nil then
        self.retired = table.copy(self.live)
        self.audiences:show(self.old, 'registry', self.retired)
    end
    self.retired.httpd = httpd or self.retired.httpd
end

function Roles:mark()
    local before = table.copy(self.staged)
    return function()
        table.clear(self.staged)
        for name, service in pairs(before) do
            self.staged[name] = service
        end
    end
end

--- Lets old code see the live service registry again. Must be called after the old roles
-- have stopped.
function Roles:settle()
    self.audiences:close()
end

Roles.enabled, Roles.registered, Roles.role_modules = roles_lib.enabled, roles_lib.registered, roles_lib.role_modules

--- Registers the roles of the new generation. A role whose module is not reloaded is
-- registered with its current module. Throws `bad_role` if a role is invalid.
function Roles:register()
    self.registry = roles_lib.register(roles_lib.role_modules(), function(module_name)
        return self.modules:load_or_fail(module_name)
    end, function(module_name, message)
        failure.raise({
            code = 'bad_role',
            phase = 'load',
            module = module_name,
            message = message,
        })
    end)
    return self.registry
end

--- Returns whether the module of a role belongs to the new generation.
function Roles:is_reloaded(role)
    return self.modules:is_staged(role.module_name)
end

function Roles:commit()
    self:retire()
    self.audiences:remove(self.new)
    for _, names in ipairs({self.services_before, self.staged}) do
        for name in pairs(names) do
            -- Skip services that new code has not changed, and the HTTP server, which
            -- has its own adapter.
            if name ~= 'httpd' and not rawequal(self.staged[name], self.services_before[name]) then
                self.live[name] = self.staged[name]
            end
        end
    end
    -- New code may have kept a reference to its separate registry. Make that registry
    -- forward to the live one.
    for name in pairs(self.staged) do
        self.staged[name] = nil
    end
    setmetatable(self.staged, {__index = self.live, __newindex = self.live})
    local registry = self.cartridge:vars('cartridge.roles')
    registry.roles_by_number = self.registry.by_number
    registry.roles_by_role_name = self.registry.by_role_name
    registry.roles_by_module_name = self.registry.by_module_name
    for _, role in ipairs(self.registry_before.roles_by_number) do
        if self.registry.by_role_name[role.role_name] == nil then
            self.live[role.role_name] = nil
        end
    end
    -- Cartridge's failover module caches the role names when it is configured, so
    -- update the cache.
    local failover = self.cartridge:vars('cartridge.failover')
    if failover.all_roles ~= nil then
        local names = {}
        for _, role in ipairs(self.registry.by_number) do
            table.insert(names, role.role_name)
        end
        failover.all_roles = names
    end
    self:forget_enabled_roles()
end

--- Clears Cartridge's cache of enabled roles, which is keyed by the config object. A
-- reload can change the dependencies of roles without changing the config, so the cache
-- may be outdated.
function Roles:forget_enabled_roles()
    local get_enabled_roles = self.cartridge.roles.get_enabled_roles
    for i = 1, 255 do
        local name, value = debug.getupvalue(get_enabled_roles, i)
        if name == nil then
            return
        elseif name == 'enabled_roles_cache' and type(value) == 'table' then
            for key in pairs(value) do
                value[key] = nil
            end
        end
    end
end

function Roles:rollback(undone)
    if self.audiences ~= nil then
        self.audiences:close()
    end
    local registry = self.cartridge:vars('cartridge.roles')
    for field, value in pairs(self.registry_before or {}) do
        if registry[field] ~= value then
            registry[field] = value
            table.insert(undone, 'cartridge.roles.' .. field)
        end
    end
end

return {new = new, registered = roles_lib.registered}
