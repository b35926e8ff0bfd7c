--- What this program knows of Cartridge: where it keeps its state, and how its
-- roles are registered, chosen and called. Nothing here changes anything.
--
-- Cartridge keeps the variables of its modules in one global table, module by
-- module, so that they survive its own reload. That is where they are read
-- here, for what has no function; the layout is the same from 2.4 to 2.17.

local require = ...

local Cartridge = {}
Cartridge.__index = Cartridge

--- The variables of a module of Cartridge.
-- @treturn table empty if it has none
local function vars(module_name)
    local values = rawget(_G, '_cluster_vars_values')
    return type(values) == 'table' and values[module_name] or {}
end

--- The Cartridge of this instance.
-- @treturn ?table nil if the instance does not run Cartridge
local function detect()
    local confapplier = package.loaded['cartridge.confapplier']
    if package.loaded['cartridge'] == nil or type(confapplier) ~= 'table' then
        return nil
    end
    return setmetatable({
        confapplier = confapplier,
        failover = package.loaded['cartridge.failover'],
        roles = package.loaded['cartridge.roles'],
    }, Cartridge)
end

function Cartridge.vars(_, module_name)
    return vars(module_name)
end

--- @treturn string version, or "unknown"
function Cartridge.version()
    local main = package.loaded['cartridge']
    local version = type(main) == 'table' and main.VERSION or package.loaded['cartridge.VERSION']
    return type(version) == 'string' and version or 'unknown'
end

--- @treturn string state of the state machine
-- @return the error that goes with it, or nil
function Cartridge:state()
    return self.confapplier.get_state()
end

--- The name of this instance.
-- @treturn ?string
function Cartridge.alias()
    local membership = package.loaded['membership']
    local ok, myself = pcall(function()
        return membership.myself().payload.alias
    end)
    return ok and type(myself) == 'string' and myself or nil
end

function Cartridge:is_master()
    return self.failover.is_leader() and true or false
end

--- The config that is applied now: an object of Cartridge, whose identity
-- changes with every change of the config.
function Cartridge:active_config()
    return self.confapplier.get_active_config()
end

function Cartridge:config_tables()
    return self:active_config():get_readonly()
end

--- The service registry: name -> role module or service.
function Cartridge.services()
    return vars('cartridge.service-registry').registry
end

--- Whether the parts that a reload replaces are where they are expected.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what is missing
function Cartridge:is_understood()
    local registry = vars('cartridge.roles')
    for _, field in ipairs({'roles_by_number', 'roles_by_role_name', 'roles_by_module_name', 'module_names'}) do
        if type(registry[field]) ~= 'table' then
            return nil, 'cartridge.roles has no ' .. field
        end
    end
    if type(self.services()) ~= 'table' then
        return nil, 'cartridge.service-registry has no registry'
    end
    if type(self.failover) ~= 'table' or type(self.failover.is_leader) ~= 'function' then
        return nil, 'cartridge.failover has no is_leader'
    end
    return true
end

-- States on the way to RolesConfigured, and those that end by themselves.
local PASSING = {
    [''] = true,
    ConfigFound = true,
    ConfigLoaded = true,
    BootstrappingBox = true,
    RecoveringSnapshot = true,
    ConnectingFullmesh = true,
    BoxConfigured = true,
    ConfiguringRoles = true,
    ReloadingRoles = true,
}

--- Why this instance cannot be reloaded now.
-- @treturn ?table failure fields, nil if it can
function Cartridge:refusal()
    local state, err = self:state()
    if state ~= 'RolesConfigured' then
        local message = ('Cartridge is in state %q, not RolesConfigured'):format(tostring(state))
        if err ~= nil then
            message = message .. ': ' .. require('failure').describe(err)
        end
        return {code = 'bad_state', message = message, transient = PASSING[state]}
    end
    if vars('cartridge.roles').pause == true then
        return {code = 'forbidden', message = 'the application forbids reloads (forbid_reload was called)'}
    end
    if vars('cartridge.twophase').prepared_config ~= nil then
        return {
            code = 'config_locked',
            message = 'a change of the cluster-wide config is being applied',
            transient = true,
        }
    end
    local ok, what = self:is_understood()
    if not ok then
        return {
            code = 'unsupported',
            message = ('this version of Cartridge (%s) is not understood: %s'):format(self.version(), what),
        }
    end
    return nil
end

--- The modules that are registered as roles first, in their order: those that
-- Cartridge brings itself, then those given to `cartridge.cfg`.
-- @treturn {string,...}
function Cartridge.role_modules()
    local registry = vars('cartridge.roles')
    local names, seen = {}, {}
    local function add(name)
        if not seen[name] then
            seen[name] = true
            table.insert(names, name)
        end
    end
    if registry.implicit_roles ~= nil then
        for _, name in ipairs(registry.implicit_roles) do
            add(name)
        end
    else
        -- Before 2.7 the list was not kept: it is what is registered without
        -- having been asked for, and is no dependency either.
        local asked = {}
        for _, role in ipairs(registry.roles_by_number) do
            for _, dep in ipairs(role.deps) do
                asked[dep.module_name] = true
            end
        end
        for _, name in ipairs(registry.module_names) do
            asked[name] = true
        end
        for _, role in ipairs(registry.roles_by_number) do
            if not asked[role.module_name] then
                add(role.module_name)
            end
        end
    end
    for _, name in ipairs(registry.module_names) do
        add(name)
    end
    return names
end

--- Registers roles as Cartridge does at start: a module and, before it, its
-- dependencies.
-- @tparam {string,...} module_names
-- @tparam function load name -> module value; may throw
-- @tparam function fail (module_name, message) that throws
-- @treturn table {by_number, by_role_name, by_module_name}
local function register(module_names, load, fail)
    local registry = {by_number = {}, by_role_name = {}, by_module_name = {}}

    local function contains(list, item)
        for _, other in ipairs(list) do
            if other == item then
                return true
            end
        end
        return false
    end

    local function add(module_name)
        local known = registry.by_module_name[module_name]
        if known ~= nil then
            return known
        end
        local M = load(module_name)
        if type(M) ~= 'table' then
            fail(module_name, ('a role module must return a table, not %s'):format(type(M)))
        end
        local role_name = M.role_name == nil and module_name or M.role_name
        if type(role_name) ~= 'string' then
            fail(module_name, ('role_name must be a string, not %s'):format(type(role_name)))
        end
        local clash = registry.by_role_name[role_name]
        if clash ~= nil then
            fail(module_name, ('role name %q is that of %s already'):format(role_name, clash.module_name))
        end
        local dependencies = M.dependencies == nil and {} or M.dependencies
        if type(dependencies) ~= 'table' then
            fail(module_name, ('dependencies must be a table, not %s'):format(type(dependencies)))
        end

        local role = {M = M, deps = {}, role_name = role_name, module_name = module_name}
        registry.by_module_name[module_name] = role
        registry.by_role_name[role_name] = role
        for _, dependency in ipairs(dependencies) do
            if type(dependency) ~= 'string' then
                fail(module_name, ('a dependency must be a string, not %s'):format(type(dependency)))
            end
            local dep = add(dependency)
            for _, inherited in ipairs({dep, unpack(dep.deps)}) do
                if not contains(role.deps, inherited) then
                    table.insert(role.deps, inherited)
                end
            end
        end
        if contains(role.deps, role) then
            fail(module_name, 'the role depends on itself')
        end
        table.insert(registry.by_number, role)
        return role
    end

    for _, module_name in ipairs(module_names) do
        add(module_name)
    end
    return registry
end

--- Which roles are enabled on this instance: those of its replica set with
-- their dependencies, and the permanent ones.
-- @tparam table registry as `register` makes it
-- @tparam table conf tables of the cluster-wide config
-- @treturn {[string]=boolean,...} by role name
local function enabled(registry, conf)
    local result = {}
    local function enable(role)
        result[role.role_name] = true
        for _, dep in ipairs(role.deps) do
            result[dep.role_name] = true
        end
    end
    for _, role in ipairs(registry.by_number) do
        if role.M.permanent then
            result[role.role_name] = true
        end
    end
    local topology = conf.topology or {}
    local mine = (topology.replicasets or {})[box.info.cluster.uuid] or {}
    for key, value in pairs(mine.roles or {}) do
        local role_name = type(key) == 'number' and value or (value and key)
        if role_name and registry.by_role_name[role_name] ~= nil then
            enable(registry.by_role_name[role_name])
        end
    end
    return result
end

--- The registry that serves now, in the form that `register` makes.
function Cartridge.registered()
    local registry = vars('cartridge.roles')
    return {
        by_number = registry.roles_by_number,
        by_role_name = registry.roles_by_role_name,
        by_module_name = registry.roles_by_module_name,
    }
end

return {
    detect = detect,
    register = register,
    enabled = enabled,
}
