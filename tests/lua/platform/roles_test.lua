-- platform/roles.lua: how roles are registered, and which of them are enabled.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.roles')

lib.box()

local roles_lib = lib.load('platform.roles')

--- Registers modules, given by name.
local function register(modules, names)
    return roles_lib.register(names, function(name)
        if modules[name] == nil then
            error('no module ' .. name)
        end
        return modules[name]
    end, function(module_name, message)
        error({module = module_name, message = message})
    end)
end

local function order(registry)
    local names = {}
    for _, role in ipairs(registry.by_number) do
        table.insert(names, role.role_name)
    end
    return table.concat(names, ' ')
end

local function deps(registry, name)
    local names = {}
    for _, role in ipairs(registry.by_module_name[name].deps) do
        table.insert(names, role.role_name)
    end
    return table.concat(names, ' ')
end

case('dependencies are registered before the role, each once', function(t)
    local registry = register({
        a = {dependencies = {'b', 'c'}},
        b = {role_name = 'B', dependencies = {'c', 'd'}},
        c = {dependencies = {'d'}},
        d = {},
        e = {},
    }, {'e', 'a', 'c'})
    t:is(order(registry), 'e d c B a', 'order')
    t:is(deps(registry, 'a'), 'B c d', 'dependencies of dependencies')
    t:is(registry.by_role_name.B.module_name, 'b', 'name of its own')
    t:is(registry.by_role_name.b, nil, 'and not that of the module')
end)

case('invalid roles are rejected with the module and the reason', function(t)
    local rows = {
        {{a = 5}, 'must return a table'},
        {{a = true}, 'must return a table'},
        {{a = {role_name = 5}}, 'role_name must be'},
        {{a = {dependencies = 'b'}}, 'dependencies must be'},
        {{a = {dependencies = {5}}}, 'a dependency must be'},
        {{a = {dependencies = {'a'}}}, 'itself'},
        {{a = {dependencies = {'b'}}, b = {dependencies = {'a'}}}, 'itself'},
        {{a = {dependencies = {'b'}}, b = {dependencies = {'c'}}, c = {dependencies = {'a'}}}, 'itself'},
        {{a = {dependencies = {'b'}}, b = {role_name = 'a'}}, 'already'},
    }
    for _, row in ipairs(rows) do
        local ok, err = pcall(register, row[1], {'a'})
        t:ok(not ok and type(err) == 'table' and err.message:find(row[2], 1, true) ~= nil,
            row[2] .. ': ' .. tostring(type(err) == 'table' and err.message or err))
    end
end)

case('roles of the replica set, their dependencies and permanent roles are enabled', function(t)
    local registry = register({
        web = {dependencies = {'storage'}},
        storage = {dependencies = {'audit'}},
        audit = {hidden = true},
        health = {permanent = true},
        spare = {},
        other = {},
    }, {'web', 'health', 'spare', 'other'})
    local function names(roles)
        local conf = {topology = {replicasets = {[lib.replicaset_uuid()] = {roles = roles}}}}
        local list = {}
        for name, enabled in pairs(roles_lib.enabled(registry, conf)) do
            if enabled then
                table.insert(list, name)
            end
        end
        table.sort(list)
        return table.concat(list, ' ')
    end
    t:is(names({web = true, spare = false}), 'audit health storage web', 'as a set')
    t:is(names({'web', 'other'}), 'audit health other storage web', 'as a list')
    t:is(names({nowhere = true}), 'health', 'a role that is not known')
    t:is(names(nil), 'health', 'none')
    local ok, result = pcall(roles_lib.enabled, registry, {})
    t:ok(ok and result.health and not result.web, 'no topology')
end)

case('modules of roles come in the order in which Cartridge registers them', function(t)
    local registry = {roles_by_number = {}, roles_by_role_name = {}, roles_by_module_name = {}}
    rawset(_G, '_cluster_vars_values', {['cartridge.roles'] = registry})
    lib.defer(function() rawset(_G, '_cluster_vars_values', nil) end)
    registry.implicit_roles = {'cartridge.roles.ddl-manager', 'shared'}
    registry.module_names = {'app.web', 'shared', 'app.spare'}
    t:is(table.concat(roles_lib.role_modules(), ' '),
        'cartridge.roles.ddl-manager shared app.web app.spare', 'list is kept')
    registry.implicit_roles = nil
    local dep = {module_name = 'app.dep', deps = {}}
    registry.roles_by_number = {
        {module_name = 'cartridge.roles.ddl-manager', deps = {}}, dep, {module_name = 'app.web', deps = {dep}},
        {module_name = 'app.spare', deps = {}},
    }
    t:is(table.concat(roles_lib.role_modules(), ' '),
        'cartridge.roles.ddl-manager app.web shared app.spare', 'list is not kept')
end)

lib.run()
