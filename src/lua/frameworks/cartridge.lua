--- The Cartridge framework. Registers and starts new roles as Cartridge does, while the
-- old roles keep serving. The old roles are normally stopped after the commit.

local require = ...
local cartridge_lib = require('platform.cartridge')
local environment = require('core.environment')
local failure = require('core.failure')
local roles_lib = require('platform.roles')

local Framework = {
    name = 'cartridge',
    has_roles = true,
    methods = {
        validate = 'validate_config',
        init = 'init',
        before_apply = 'before_apply_config',
        apply = 'apply_config',
        stop = 'stop',
        after_commit = 'on_apply_config',
    },
}
Framework.__index = Framework

local function detect()
    local cartridge = cartridge_lib.detect()
    return cartridge and setmetatable({cartridge = cartridge}, Framework)
end

function Framework:is_understood()
    return self.cartridge:is_understood()
end

function Framework:refusal()
    return self.cartridge:refusal()
end

function Framework:status()
    local cartridge = self.cartridge
    local state, err = cartridge:state()
    local fields, problem = {cartridge = cartridge.version(), state = state}, nil
    if state ~= 'RolesConfigured' then
        problem = cartridge:refusal()
        problem.message = ('Cartridge is in state %q, not RolesConfigured'):format(state)
        if err ~= nil then
            problem.message = problem.message .. ': ' .. failure.describe(err)
        end
    end
    return fields, problem
end

function Framework:alias()
    return self.cartridge.alias() or environment.get('TARANTOOL_INSTANCE_NAME')
end

function Framework:stage(txn, modules, adapters)
    self.modules = modules
    self.vars = txn:add(adapters.vars.new(txn, modules, self:hidden(txn, modules, adapters)))
    self.adapter = txn:add(adapters.roles.new(txn, self.cartridge, modules))
    local httpd = self.cartridge.services().httpd
    self.servers = {}
    if type(httpd) == 'table' and type(httpd.routes) == 'table' then
        local server = txn:add(adapters.http.new(txn, httpd))
        table.insert(self.servers, server)
        self.adapter:offer('httpd', server.proxy)
    end
end

--- Finds the variables that the `stop` functions of old roles may assign to, and those
-- that hold objects which these functions may shut down. New code must not see the
-- current values of these variables (see `adapters.vars`).
function Framework:hidden(txn, modules, adapters)
    local stops = {}
    for _, role in ipairs(adapters.roles.registered().by_number) do
        if not txn.args.no_stop and type(role.M.stop) == 'function'
        and (modules.by_name[role.module_name] or modules.gone[role.module_name]) ~= nil
        and self.cartridge.services()[role.role_name] ~= nil then
            table.insert(stops, role.M.stop)
        end
    end
    return adapters.vars.ended_by(txn, modules, stops)
end

--- Returns the registered roles in the order in which they start.
-- @treturn {{name, module, enabled},...}
function Framework:describe_roles()
    local list, registered = {}, roles_lib.registered()
    local conf = self.cartridge:active_config()
    local enabled = conf and roles_lib.enabled(registered, conf:get_readonly()) or {}
    for _, role in ipairs(registered.by_number) do
        table.insert(list, {
            name = role.role_name,
            module = role.module_name,
            enabled = enabled[role.role_name] or false,
        })
    end
    return list
end

function Framework:role_modules()
    return self.adapter.role_modules()
end

function Framework:register()
    return self.adapter.registered(), self.adapter:register()
end

--- Throws if the new code lacks a role that is enabled in the cluster's topology. After
-- a restart with this code, Cartridge would not know the role and would reject the
-- config.
function Framework:check_removed(old, new)
    for _, replicaset in pairs((self.cartridge:config_tables().topology or {}).replicasets or {}) do
        for role_name, enabled in pairs(replicaset.roles or {}) do
            if enabled and old.by_role_name[role_name] ~= nil and new.by_role_name[role_name] == nil then
                failure.raise({
                    code = 'role_removed',
                    phase = 'load',
                    role = role_name,
                    module = old.by_role_name[role_name].module_name,
                    message = ('role %q is enabled in the cluster but missing from the new code')
                        :format(role_name),
                })
            end
        end
    end
end

function Framework:config()
    return self.cartridge:active_config()
end

function Framework:is_master()
    return self.cartridge:is_master()
end

function Framework:enabled(registry)
    return self.adapter.enabled(registry, self.cartridge:config_tables())
end

function Framework:is_reloaded(role)
    return self.modules:is_staged(role.module_name)
end

function Framework:offer(name, service)
    self.adapter:offer(name, service)
end

function Framework:serving(name)
    return self.adapter:serving(name)
end

--- Makes the services and variables of the old generation visible to the `stop`
-- functions of old roles.
-- @tparam table proxies live HTTP server -> proxy that these functions get instead
function Framework:retire(proxies)
    local server = self.servers[1]
    self.vars:retire()
    self.adapter:retire(server and proxies[server.live])
end

--- Reverts what `retire` has done, so that old and new code see the same services and
-- variables again. Must be called after all old roles have stopped.
function Framework:settle()
    self.vars:settle()
    self.adapter:settle()
end

function Framework:arguments(step)
    local opts = {is_master = self.cartridge:is_master()}
    if step == 'init' or step == 'stop' then
        return opts
    end
    local conf = self.cartridge:config_tables()
    if step == 'validate' then
        return conf, conf
    elseif step == 'apply' then
        return conf, opts
    elseif step == 'after_commit' then
        return conf, 'RolesConfigured'
    end
    return conf
end

return {detect = detect}
