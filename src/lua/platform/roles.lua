--- Builds a registry of roles as Cartridge does, and finds out which roles run on this
-- instance. Does not change Cartridge's own registry.

local require = ...
local cartridge = require('platform.cartridge')

--- Returns the names of the role modules in the order of registration: first Cartridge's
-- own modules, then those passed to `cartridge.cfg`.
-- @treturn {string,...}
local function role_modules()
    local registry = cartridge.vars('cartridge.roles')
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
        -- Before 2.7, Cartridge has no list of its own roles. A registered role belongs
        -- to Cartridge if it was not passed to `cartridge.cfg` and no other role
        -- depends on it.
        local excluded = {}
        for _, role in ipairs(registry.roles_by_number) do
            for _, dep in ipairs(role.deps) do
                excluded[dep.module_name] = true
            end
        end
        for _, name in ipairs(registry.module_names) do
            excluded[name] = true
        end
        for _, role in ipairs(registry.roles_by_number) do
            if not excluded[role.module_name] then
                add(role.module_name)
            end
        end
    end
    for _, name in ipairs(registry.module_names) do
        add(name)
    end
    return names
end

--- Registers roles in a new registry as Cartridge does at startup, each role after its
-- dependencies.
-- @tparam {string,...} module_names
-- @tparam function load (module_name) -> value that the module returns; may throw
-- @tparam function fail (module_name, message) reports an invalid role; must throw
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
            fail(module_name, ('role name %q is already used by %s'):format(role_name, clash.module_name))
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

--- Returns the roles that are enabled on this instance: the permanent roles, and the
-- roles of the instance's replica set with their dependencies.
-- @tparam table registry as returned by `register`
-- @tparam table conf sections of the cluster-wide config, as tables
-- @treturn {[string]=boolean,...} set of role names
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
    local mine = (topology.replicasets or {})[(box.info.replicaset or box.info.cluster).uuid] or {}
    for key, value in pairs(mine.roles or {}) do
        local role_name = type(key) == 'number' and value or (value and key)
        if role_name and registry.by_role_name[role_name] ~= nil then
            enable(registry.by_role_name[role_name])
        end
    end
    return result
end

--- Returns Cartridge's current registry of roles in the format that `register` returns.
local function registered()
    local registry = cartridge.vars('cartridge.roles')
    return {
        by_number = registry.roles_by_number,
        by_role_name = registry.roles_by_role_name,
        by_module_name = registry.roles_by_module_name,
    }
end

return {
    enabled = enabled,
    register = register,
    registered = registered,
    role_modules = role_modules,
}
