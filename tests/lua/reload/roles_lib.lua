--- For suites about roles: an application whose roles record their calls, on a Cartridge
-- that consists of small tables with the fields that are read. The live suites test its
-- real behaviour.
--
--     local roles = assert(loadfile('tests/lua/reload/roles_lib.lua'))(lib)

local lib = ...
local fio = require('fio')

package.path = fio.abspath('tests/support/fake_cartridge/.rocks/share/tarantool/?.lua') .. ';' .. package.path
local http_server = require('http.server')

--- Events in order, written by the roles of the tests. Not a global, since changes
-- of globals by new code are reported.
local events = {}
package.loaded['staged_events'] = events

local function told()
    local text = table.concat(events, ' ')
    while #events > 0 do
        table.remove(events)
    end
    return text
end

--- Creates a Cartridge with these roles configured and enabled.
-- @tparam table app with the modules of the roles
-- @tparam {string,...} names of modules
local function configure(app, names)
    local modules = {}
    for _, name in ipairs(names) do
        table.insert(modules, (name:gsub('@', app.name)))
    end
    local config = {tables = {}}
    function config.get_readonly(self)
        return self.tables
    end
    local self = {config = config, state = 'RolesConfigured', leader = true, services = {}}
    self.httpd = http_server.new('127.0.0.1', 0)
    local values = {
        ['cartridge.roles'] = {module_names = modules, implicit_roles = {}},
        ['cartridge.service-registry'] = {registry = self.services},
        ['cartridge.twophase'] = {},
        ['cartridge.failover'] = {},
    }
    self.values = values
    rawset(_G, '_cluster_vars_values', values)
    rawset(_G, '_cluster_vars_defaults', {})
    package.loaded['cartridge'] = {
        VERSION = '2.17.0',
        service_get = function(name)
            local service = values['cartridge.service-registry'].registry[name]
            return service
        end,
    }
    package.loaded['cartridge.confapplier'] = {
        get_state = function() return self.state end,
        get_active_config = function() return self.config end,
    }
    package.loaded['cartridge.failover'] = {is_leader = function() return self.leader end}
    package.loaded['cartridge.roles'] = {get_enabled_roles = function() end}
    lib.defer(function()
        for _, name in ipairs({'cartridge', 'cartridge.confapplier', 'cartridge.failover', 'cartridge.roles'}) do
            package.loaded[name] = nil
        end
        rawset(_G, '_cluster_vars_values', nil)
        rawset(_G, '_cluster_vars_defaults', nil)
    end)
    local registry = lib.load('platform.roles').register(modules, require, error)
    local roles = values['cartridge.roles']
    roles.roles_by_number = registry.by_number
    roles.roles_by_role_name = registry.by_role_name
    roles.roles_by_module_name = registry.by_module_name
    local enabled = {}
    for name in pairs(registry.by_role_name) do
        enabled[name] = true
    end
    config.tables.topology = {replicasets = {[lib.replicaset_uuid()] = {roles = enabled}}}
    self.services.httpd = self.httpd
    for _, role in ipairs(registry.by_number) do
        if role.M.init then
            role.M.init({is_master = true})
        end
        self.services[role.role_name] = role.M
    end
    for _, role in ipairs(registry.by_number) do
        if role.M.apply_config then
            role.M.apply_config(config.tables, {is_master = true})
        end
    end
    function self.get(path)
        local found = self.httpd:match('GET', path)
        return found and found.endpoint.sub() or nil
    end
    told()
    return self
end

--- Returns the text of a role that records its calls. `more` is inserted at its end.
local function role_text(name, version, more)
    return ([[
        local M = {role_name = '%s', version = %d}
        local function tell(what)
            table.insert(require('staged_events'), '%s%d.' .. what)
        end
        function M.validate_config() tell('validate') return true end
        function M.init(opts)
            tell(opts.is_master and 'init' or 'init-replica')
            local httpd = require('cartridge').service_get('httpd')
            httpd:route({path = '/%s', name = '%s'}, function() return '%s%d' end)
        end
        function M.apply_config(conf, opts) tell(opts.is_master and 'apply' or 'apply-replica') end
        function M.stop() tell('stop') end
        %s
        return M
    ]]):format(name, version, name, version, name, name, name, version, more or '')
end

local function reload(app, args)
    args = table.copy(args or {})
    args.modules = args.modules or {app.name .. '*'}
    return lib.reload(args)
end

local function role_of(report, name)
    for _, role in ipairs(report.roles or {}) do
        if role.name == name then
            return role
        end
    end
    return nil
end

return {
    events = events,
    told = told,
    configure = configure,
    role_text = role_text,
    reload = reload,
    role_of = role_of,
}
