--- Adapter: Cartridge's role registry and service registry.
--
-- New roles are registered beside the old ones. While the transaction runs,
-- the service registry asks who is calling: new code finds new roles and the
-- staged HTTP server, everybody else what serves.

local require = ...
local failure = require('core.failure')
local roles_lib = require('platform.roles')
local view = require('reload.overlay')

local Roles = {name = 'roles'}
Roles.__index = Roles

--- @tparam table txn the transaction
-- @tparam table cartridge as `cartridge.detect` gives it
-- @tparam table modules the adapter of modules
local function new(txn, cartridge, modules)
    return setmetatable({txn = txn, cartridge = cartridge, modules = modules}, Roles)
end

function Roles:snapshot()
    self.registry_before = table.copy(self.cartridge:vars('cartridge.roles'))
    self.live = self.cartridge.services()
    self.services_before = table.copy(self.live)
end

--- Makes the service registry ask who is calling.
function Roles:stage()
    self.view = view.new(self.txn, self.live)
    self.view:offer_all()
end

--- Lets new code find something else in the service registry than everybody
-- else does.
-- @tparam string name
-- @param service nil, if it is to find nothing
function Roles:offer(name, service)
    self.view:offer(name, service)
end

--- What everybody but the new code finds under a name.
function Roles:serving(name)
    return self.view:find_serving(name)
end

Roles.enabled, Roles.registered, Roles.role_modules = roles_lib.enabled, roles_lib.registered, roles_lib.role_modules

--- Registers the roles of the new generation.
-- Roles whose module is not reloaded keep their module.
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

--- Whether the code of a role is new.
function Roles:is_reloaded(role)
    return self.modules:is_staged(role.module_name)
end

--- Everybody finds again what serves.
function Roles:unstage()
    if self.view ~= nil then
        self.view:close()
    end
end

function Roles:commit()
    self:unstage()
    for name, service in self.view:each() do
        -- The HTTP server has an adapter of its own; what new code has not
        -- touched is as it is now.
        if name ~= 'httpd' and not rawequal(service, self.services_before[name]) then
            self.live[name] = service
        end
    end
    local registry = self.cartridge:vars('cartridge.roles')
    registry.roles_by_number = self.registry.by_number
    registry.roles_by_role_name = self.registry.by_role_name
    registry.roles_by_module_name = self.registry.by_module_name
    for _, role in ipairs(self.registry_before.roles_by_number) do
        if self.registry.by_role_name[role.role_name] == nil then
            self.live[role.role_name] = nil
        end
    end
    -- The failover keeps the list of names since its last configuration.
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

--- Cartridge remembers which roles a replica set enables, by the identity of
-- the config: wrong as soon as dependencies have changed.
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
    self:unstage()
    local registry = self.cartridge:vars('cartridge.roles')
    for field, value in pairs(self.registry_before or {}) do
        if registry[field] ~= value then
            registry[field] = value
            table.insert(undone, 'cartridge.roles.' .. field)
        end
    end
end

return {new = new}
