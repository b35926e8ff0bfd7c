-- Test stand-in for cartridge.roles 2.17, written from its documented and
-- observed behaviour: the registry of roles and the order of their callbacks.

local errors = require('errors')
local log = require('log')
require('table.clear')

local hotreload = require('cartridge.hotreload')
local registry = require('cartridge.service-registry')
local vars = require('cartridge.vars').new('cartridge.roles')

vars:new('module_names')
vars:new('roles_by_number', {})
vars:new('roles_by_role_name', {})
vars:new('roles_by_module_name', {})
vars:new('implicit_roles')
vars:new('pause', false)

vars.implicit_roles = {
    'cartridge.roles.ddl-manager',
    'cartridge.roles.coordinator',
}

local RegisterRoleError = errors.new_class('RegisterRoleError')
local ValidateConfigError = errors.new_class('ValidateConfigError')
local ApplyConfigError = errors.new_class('ApplyConfigError')
local StopRoleError = errors.new_class('StopRoleError')
local HotReloadError = errors.new_class('HotReloadError')

-- Registration ------------------------------------------------------------

local function add_dependency(role, dep)
    for _, known in ipairs(role.deps) do
        if known == dep then
            return
        end
    end
    table.insert(role.deps, dep)
end

-- Registers a module after its dependencies. Raises errors.
local function register(book, module_name)
    if book.by_module[module_name] ~= nil then
        return book.by_module[module_name]
    end
    local M, err = RegisterRoleError:pcall(require, module_name)
    if err ~= nil then
        error(err, 0)
    end
    local function refuse(...)
        error(RegisterRoleError:new(...), 0)
    end
    if type(M) ~= 'table' then
        refuse('Module %q must return a table, got %s', module_name, type(M))
    end
    local role = {
        M = M,
        deps = {},
        role_name = M.role_name or module_name,
        module_name = module_name,
    }
    if type(role.role_name) ~= 'string' then
        refuse('Module %q role_name must be a string, got %s', module_name,
            type(role.role_name))
    end
    if type(M.dependencies or {}) ~= 'table' then
        refuse('Module %q dependencies must be a table, got %s', module_name,
            type(M.dependencies))
    end
    local rival = book.by_role[role.role_name]
    if rival ~= nil then
        refuse('Role %q name clash between %s and %s', role.role_name,
            module_name, rival.module_name)
    end
    book.by_module[module_name] = role
    book.by_role[role.role_name] = role
    for _, name in ipairs(M.dependencies or {}) do
        local dep = register(book, name)
        add_dependency(role, dep)
        for _, indirect in ipairs(dep.deps) do
            add_dependency(role, indirect)
        end
    end
    for _, dep in ipairs(role.deps) do
        if dep == role then
            refuse('Module %q circular dependency prohibited', module_name)
        end
    end
    table.insert(book.by_number, role)
    return role
end

local function cfg(module_names)
    vars.module_names = table.copy(module_names)
    local book = {by_number = {}, by_role = {}, by_module = {}}
    local ok, err = pcall(function()
        for _, name in ipairs(vars.implicit_roles) do
            register(book, name)
        end
        for _, name in ipairs(module_names) do
            register(book, name)
        end
    end)
    if not ok then
        return nil, err
    end
    vars.roles_by_number = book.by_number
    vars.roles_by_role_name = book.by_role
    vars.roles_by_module_name = book.by_module
    return true
end

-- Queries -----------------------------------------------------------------

local function get_role(role_name)
    local role = vars.roles_by_role_name[role_name]
    return role and role.M
end

local function names_of(roles, condition)
    local names = {}
    for _, role in ipairs(roles) do
        if condition == nil or condition(role) then
            table.insert(names, role.role_name)
        end
    end
    return names
end

local function is_listed(role)
    return not role.M.permanent and not role.M.hidden
end

local enabled_roles_cache = setmetatable({}, {__mode = 'k'})

-- `wanted` is a list of names, or a map of names to booleans.
local function get_enabled_roles(wanted)
    wanted = wanted or {}
    if enabled_roles_cache[wanted] ~= nil then
        return enabled_roles_cache[wanted]
    end
    local enabled = {}
    for _, role in ipairs(vars.roles_by_number) do
        if role.M.permanent then
            enabled[role.role_name] = true
        end
    end
    for k, v in pairs(wanted) do
        local name = type(k) == 'number' and v or k
        if v then
            enabled[name] = true
            local role = vars.roles_by_role_name[name]
            for _, dep in ipairs(role and role.deps or {}) do
                enabled[dep.role_name] = true
            end
        end
    end
    enabled_roles_cache[wanted] = enabled
    return enabled
end

local function get_role_dependencies(role_name)
    local role = vars.roles_by_role_name[role_name]
    return names_of(role.deps, is_listed)
end

local function enabled_here(conf)
    local topology = conf.topology
    local mine = topology.replicasets[(box.info.replicaset or box.info.cluster).uuid]
    return get_enabled_roles(mine.roles)
end

-- Callbacks ---------------------------------------------------------------

local function validate_config(conf_new, conf_old)
    local confapplier = require('cartridge.confapplier')
    local state = confapplier.get_state()
    local enabled
    if state == 'RolesConfigured' or state == 'OperationError' then
        enabled = enabled_here(conf_new)
    end
    for _, role in ipairs(vars.roles_by_number) do
        local validate = role.M.validate_config
        local asked = enabled == nil or enabled[role.role_name]
        if asked and type(validate) == 'function' then
            local ok, err = ValidateConfigError:pcall(validate, conf_new,
                conf_old)
            if not ok then
                return nil, err or ValidateConfigError:new(
                    'Role %q method validate_config() returned %s',
                    role.role_name, tostring(ok))
            end
        end
    end
    return true
end

-- If a role fails, the following ones are still configured: the first error is
-- returned, the others are logged.
local function apply_config(conf, opts)
    local first_error
    local function attempt(f, ...)
        if type(f) ~= 'function' then
            return true
        end
        local _, err = ApplyConfigError:pcall(f, ...)
        if err ~= nil then
            log.error('%s', err)
            first_error = first_error or err
            return false
        end
        return true
    end
    local enabled = enabled_here(conf)
    for _, role in ipairs(vars.roles_by_number) do
        local name = role.role_name
        local running = registry.get(name) ~= nil
        if not enabled[name] then
            if running then
                attempt(role.M.stop, opts)
            end
            registry.set(name, nil)
        elseif running or attempt(role.M.init, opts) then
            registry.set(name, role.M)
            attempt(role.M.apply_config, conf, opts)
        end
    end
    if first_error ~= nil then
        return nil, first_error
    end
    return true
end

local function call_around(method, conf, ...)
    local enabled = enabled_here(conf)
    for _, role in ipairs(vars.roles_by_number) do
        local f = role.M[method]
        if enabled[role.role_name] and type(f) == 'function' then
            local ok, err = ApplyConfigError:pcall(f, conf, ...)
            if not ok then
                log.error('%s of role %q failed: %s', method, role.role_name,
                    err)
            end
        end
    end
    return true
end

local function stop()
    local failover = require('cartridge.failover')
    local opts = {is_master = failover.is_leader()}
    for _, role in ipairs(vars.roles_by_number) do
        if registry.get(role.role_name) ~= nil
            and type(role.M.stop) == 'function' then
            local _, err = StopRoleError:pcall(role.M.stop, opts)
            if err ~= nil then
                log.error('%s', err)
            end
        end
        registry.set(role.role_name, nil)
    end
end

-- Cartridge's own hot reload ----------------------------------------------

local function reload()
    if not hotreload.state_saved() then
        return nil, HotReloadError:new(
            'This application forbids reloading roles')
    elseif vars.pause then
        return nil, HotReloadError:new('Reloading roles forbidden')
    end
    local confapplier = require('cartridge.confapplier')
    local state = confapplier.get_state()
    if state ~= 'RolesConfigured' and state ~= 'OperationError'
        and state ~= 'ReloadError' then
        return nil, HotReloadError:new('Inappropriate state %q', state)
    end

    table.clear(enabled_roles_cache)
    confapplier.set_state('ReloadingRoles')
    stop()
    hotreload.load_state()
    collectgarbage()
    collectgarbage()

    local conf = confapplier.get_active_config()
    local ok, err = cfg(vars.module_names)
    if ok then
        ok, err = confapplier.validate_config(conf)
    end
    if not ok then
        confapplier.set_state('ReloadError', err)
        return nil, err
    end
    confapplier.set_state('BoxConfigured')
    return confapplier.apply_config(conf)
end

return {
    cfg = cfg,
    get_role = get_role,
    get_all_roles = function()
        return names_of(vars.roles_by_number)
    end,
    get_known_roles = function()
        return names_of(vars.roles_by_number, is_listed)
    end,
    get_enabled_roles = get_enabled_roles,
    get_role_dependencies = get_role_dependencies,
    validate_config = validate_config,
    apply_config = apply_config,
    before_apply_config = function(conf)
        return call_around('before_apply_config', conf)
    end,
    on_apply_config = function(conf, state)
        return call_around('on_apply_config', conf, state)
    end,
    stop = stop,
    reload = reload,
    forbid_reload = function() vars.pause = true end,
    allow_reload = function() vars.pause = false end,
    is_reload_forbidden = function() return vars.pause == true end,
}
