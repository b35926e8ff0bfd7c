-- reload/pipeline.lua with the adapters: roles of an application with Cartridge.
--
-- Cartridge and its HTTP server are small tables with the fields that are read;
-- the live suites test their real behaviour.

local fiber = require('fiber')
local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.pipeline')

package.path = fio.abspath('tests/support/fake_cartridge/.rocks/share/tarantool/?.lua') .. ';' .. package.path
local http_server = require('http.server')

lib.box()

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

case('new roles start beside the old ones, which stop after the commit', function(t)
    local app = lib.app({
        ['@.web'] = role_text('web', 1, "M.dependencies = {'@.storage'}"),
        ['@.storage'] = role_text('storage', 1),
    })
    local cartridge = configure(app, {'@.web'})
    t:is(cartridge.get('/web'), 'web1', 'before')
    app.write('@.web', role_text('web', 2, "M.dependencies = {'@.storage'}"))
    app.write('@.storage', role_text('storage', 2))
    local report = reload(app)
    t:is(report.outcome, 'reloaded', 'outcome ' .. tostring(report.error and report.error.message))
    t:is(told(), 'storage2.validate web2.validate storage2.init web2.init '
        .. 'storage2.apply web2.apply web1.stop storage1.stop', 'order')
    t:is(cartridge.get('/web'), 'web2', 'route')
    t:is(cartridge.services.web.version, 2, 'service')
    t:is(cartridge.values['cartridge.roles'].roles_by_role_name.web.M.version, 2, 'registry')
    t:is(cartridge.services.httpd, cartridge.httpd, 'the server is the one that it was')
    t:is(getmetatable(cartridge.services), nil, 'and so is the table of services')
    for _, field in ipairs({'enabled', 'stopped', 'validated', 'initialized', 'applied'}) do
        t:is(role_of(report, 'web')[field], true, field)
    end
end)

case('--no-stop stops no role', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1)})
    configure(app, {'@.web'})
    local report = reload(app, {no_stop = true})
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(told(), 'web1.validate web1.init web1.apply', 'calls')
    t:is(role_of(report, 'web').stopped, false, 'reported')
end)

local BROKEN = {
    ['validate_config returns false'] = {
        'function M.validate_config() return false end', 'validate_failed', 'validate'},
    ['validate_config returns nothing'] = {'function M.validate_config() end', 'validate_failed', 'validate'},
    ['validate_config returns nil and an error'] = {
        "function M.validate_config() return nil, 'why' end", 'validate_failed', 'validate'},
    ['validate_config throws'] = {"function M.validate_config() error('why') end", 'validate_failed', 'validate'},
    ['init throws'] = {"function M.init() error('why') end", 'init_failed', 'init'},
    ['init throws a table'] = {"function M.init() error({err = 'why'}) end", 'init_failed', 'init'},
    ['init throws nothing'] = {'function M.init() error() end', 'init_failed', 'init'},
    ['init throws what cannot be read'] = {
        "function M.init() error(setmetatable({}, {__index = function() error('why') end})) end",
        'init_failed', 'init'},
    ['init returns nil and an error'] = {"function M.init() return nil, 'why' end", 'init_failed', 'init'},
    ['init fails after it has registered'] = {[[
        local init = M.init
        function M.init(opts) init(opts) require('fiber').sleep(0.01) error('why') end]], 'init_failed', 'init'},
    ['apply_config throws'] = {"function M.apply_config() error('why') end", 'apply_failed', 'apply'},
    ['apply_config returns nil and an error'] = {
        "function M.apply_config() return nil, 'why' end", 'apply_failed', 'apply'},
}

case('a broken role of any kind leaves the old one serving', function(t)
    local labels = {}
    for label in pairs(BROKEN) do
        table.insert(labels, label)
    end
    table.sort(labels)
    for _, label in ipairs(labels) do
        local app = lib.app({['@.web'] = role_text('web', 1), ['@.other'] = role_text('other', 1)})
        local cartridge = configure(app, {'@.other', '@.web'})
        local old = cartridge.services.web
        app.write('@.web', role_text('web', 2, BROKEN[label][1]))
        local report = reload(app)
        t:is(report.outcome, 'failed', label .. ': outcome')
        local err = report.error or {}
        t:is(err.code, BROKEN[label][2], label .. ': code')
        t:is(err.phase, BROKEN[label][3], label .. ': phase')
        t:is(err.role, 'web', label .. ': role')
        t:is(err.module, app.name .. '.web', label .. ': module')
        t:is(type(err.message), 'string', label .. ': message')
        t:is(cartridge.get('/web'), 'web1', label .. ': route')
        t:is(#cartridge.httpd.routes, 2, label .. ': number of routes')
        t:is(cartridge.services.web, old, label .. ': service')
        t:is(cartridge.services.httpd, cartridge.httpd, label .. ': server')
        t:is(getmetatable(cartridge.services), nil, label .. ': table of services')
        t:is(cartridge.values['cartridge.roles'].roles_by_role_name.web.M, old, label .. ': registry')
        local history = told()
        t:is(history:find('web1.', 1, true), nil, label .. ': the old role was neither stopped nor started again')
        app.write('@.web', role_text('web', 3))
        t:is(reload(app).outcome, 'reloaded', label .. ': the next one')
        t:is(cartridge.get('/web'), 'web3', label .. ': its code')
        t:is(#cartridge.httpd.routes, 2, label .. ': its routes')
    end
end)

case('the stop of an old role sees old modules and services', function(t)
    local STOP = [[
        function M.stop()
            local pool = require('@.pool')
            table.insert(require('staged_events'), 'pool' .. pool.version)
            local other = require('cartridge').service_get('other')
            table.insert(require('staged_events'), 'other' .. tostring(other and other.version))
            local vars = package.loaded['@.pool']
            table.insert(require('staged_events'), 'loaded' .. tostring(vars and vars.version))
        end
    ]]
    local app = lib.app({
        ['@.web'] = role_text('web', 1, STOP),
        ['@.other'] = role_text('other', 1),
        ['@.pool'] = 'return {version = 1}',
    })
    configure(app, {'@.other', '@.web'})
    app.require('@.pool')
    app.write('@.pool', 'return {version = 2}')
    app.write('@.other', role_text('other', 2))
    local report = reload(app)
    t:is(report.outcome, 'reloaded', 'outcome')
    local history = told()
    t:like(history, 'pool1', 'require: ' .. history)
    t:like(history, 'other1', 'service')
    t:like(history, 'loaded1', 'package.loaded')
    t:is(table.concat(report.warnings or {}, ' '), '', 'no warnings')
end)

case('what stop removes from the server is removed for no request before the commit', function(t)
    local STOP = [[
        function M.stop()
            local httpd = require('cartridge').service_get('httpd')
            httpd:delete('web')
            require('fiber').sleep(0.02)
        end
    ]]
    local app = lib.app({['@.web'] = role_text('web', 1, STOP)})
    local cartridge = configure(app, {'@.web'})
    app.write('@.web', role_text('web', 2, STOP))
    local missing, stop, asked = 0, false, 0
    local client = fiber.new(function()
        while not stop do
            asked = asked + 1
            if cartridge.get('/web') == nil then
                missing = missing + 1
            end
            fiber.sleep(0)
        end
    end)
    client:set_joinable(true)
    t:is(reload(app).outcome, 'reloaded', 'outcome')
    stop = true
    client:join()
    t:ok(asked > 3, 'asked')
    t:is(missing, 0, 'requests without an answer')
    t:is(cartridge.get('/web'), 'web2', 'route')
end)

case('a config that changes during the reload is applied before the commit', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1)})
    local cartridge = configure(app, {'@.web'})
    app.write('@.web', role_text('web', 2, [[
        function M.apply_config(conf)
            table.insert(require('staged_events'), 'apply-' .. tostring(conf.limit))
            require('fiber').sleep(0.03)
        end
    ]]))
    local first = cartridge.config
    fiber.create(function()
        lib.wait(function() return table.concat(events, ' '):find('apply%-nil') end)
        local tables = table.copy(first.tables)
        tables.limit = 5
        cartridge.config = {tables = tables, get_readonly = first.get_readonly}
    end)
    local report = reload(app)
    t:is(report.outcome, 'reloaded', 'outcome')
    t:like(told(), 'apply%-nil .*apply%-5', 'applied twice')
end)

case('a change of leadership during the reload is passed to the new role', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1)})
    local cartridge = configure(app, {'@.web'})
    app.write('@.web', role_text('web', 2, [[
        local apply = M.apply_config
        function M.apply_config(...)
            apply(...)
            require('fiber').sleep(0.03)
        end
    ]]))
    fiber.create(function()
        lib.wait(function() return table.concat(events, ' '):find('web2.apply', 1, true) end)
        cartridge.leader = false
    end)
    t:is(reload(app).outcome, 'reloaded', 'outcome')
    t:like(told(), 'web2.apply .*web2.apply%-replica', 'applied again')
end)

case('a rollback does not restore services that were removed during the reload', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1), ['@.other'] = 'return {}'})
    local cartridge = configure(app, {'@.web'})
    cartridge.services.foreign = {name = 'a service of somebody'}
    app.write('@.web', role_text('web', 2, [[
        function M.init()
            staged_flag = true
            require('fiber').sleep(0.05)
            error('boom')
        end
    ]]))
    lib.defer(function() rawset(_G, 'staged_flag', nil) end)
    local changed = {name = 'another one'}
    fiber.create(function()
        lib.wait(function() return rawget(_G, 'staged_flag') end)
        cartridge.services.foreign = nil
        cartridge.services.fresh = changed
    end)
    t:is(reload(app).outcome, 'failed', 'outcome')
    t:is(cartridge.services.foreign, nil, 'what others removed')
    t:is(cartridge.services.fresh, changed, 'what others set')
end)

case('services of new code are invisible to others before the commit', function(t)
    local SET = [[
        local init = M.init
        function M.init(opts)
            init(opts)
            _cluster_vars_values['cartridge.service-registry'].registry['own'] = M.version
            require('fiber').sleep(0.03)
            if M.version == 3 then error('boom') end
        end
    ]]
    local app = lib.app({['@.web'] = role_text('web', 1, SET)})
    local cartridge = configure(app, {'@.web'})
    local seen, stop = {}, false
    local watcher = fiber.new(function()
        while not stop do
            seen[tostring(cartridge.services.own)] = true
            fiber.sleep(0)
        end
    end)
    watcher:set_joinable(true)
    app.write('@.web', role_text('web', 3, SET))
    t:is(reload(app).outcome, 'failed', 'a failure')
    stop = true
    watcher:join()
    t:is(cartridge.services.own, 1, 'leaves the old one')
    t:ok(not seen['3'], 'and was not seen')
    app.write('@.web', role_text('web', 2, SET))
    t:is(reload(app).outcome, 'reloaded', 'a success')
    t:is(cartridge.services.own, 2, 'has its own')
end)

case('one role can be reloaded while others keep running', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1), ['@.other'] = role_text('other', 1)})
    local cartridge = configure(app, {'@.web', '@.other'})
    reload(app)
    told()
    local other = cartridge.services.other
    app.write('@.web', role_text('web', 2))
    local report = reload(app, {modules = {app.name .. '.web'}})
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(told(), 'web2.validate web2.init web2.apply web1.stop', 'calls')
    t:is(cartridge.get('/web'), 'web2', 'its route')
    t:is(cartridge.get('/other'), 'other1', 'the route of the other')
    t:is(cartridge.services.other, other, 'the other')
end)

case('removing a role that is enabled in the cluster is refused', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1)})
    local cartridge = configure(app, {'@.web'})
    app.write('@.web', role_text('renamed', 2))
    local report = reload(app)
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'role_removed', 'code')
    t:is(cartridge.get('/web'), 'web1', 'old code')
    t:is(told(), '', 'nothing was called')
end)

case('a module that returns no role fails before any role is called', function(t)
    for _, text in ipairs({'return 5', 'return', "return {role_name = 5}", "return {dependencies = {'@.web'}}"}) do
        local app = lib.app({['@.web'] = role_text('web', 1)})
        local cartridge = configure(app, {'@.web'})
        app.write('@.web', text)
        local report = reload(app)
        t:is(report.outcome, 'failed', text .. ': ' .. tostring(report.error and report.error.message))
        t:is(cartridge.get('/web'), 'web1', 'old code')
        t:is(told(), '', 'nothing was called')
    end
end)

case('a new dependency starts, and a dropped one stops', function(t)
    local app = lib.app({
        ['@.web'] = role_text('web', 1, "M.dependencies = {'@.a'}"),
        ['@.a'] = role_text('a', 1),
        ['@.b'] = role_text('b', 1),
    })
    local cartridge = configure(app, {'@.web'})
    cartridge.config.tables.topology.replicasets[lib.replicaset_uuid()].roles = {web = true}
    app.write('@.web', role_text('web', 2, "M.dependencies = {'@.b'}"))
    local report = reload(app)
    t:is(report.outcome, 'reloaded', 'outcome ' .. tostring(report.error and report.error.message))
    t:like(told(), 'a1.stop', 'stopped')
    t:ok(cartridge.services.b ~= nil, 'started')
    t:is(cartridge.services.a, nil, 'gone')
    t:is(cartridge.get('/b'), 'b1', 'route of the new one')
    t:is(cartridge.get('/a'), nil, 'no route of the one that is gone')
end)

case('a state other than RolesConfigured is refused', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1)})
    local cartridge = configure(app, {'@.web'})
    cartridge.state = 'OperationError'
    local report = reload(app)
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'bad_state', 'code')
    t:is(told(), '', 'nothing was called')
end)

case('errors of optional callbacks and of stop are warnings', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1, "function M.stop() error('stop!') end")})
    local cartridge = configure(app, {'@.web'})
    app.write('@.web', role_text('web', 2, [[
        function M.before_apply_config() error({'before!'}) end
        function M.on_apply_config() error(setmetatable({}, {__index = function() error('on!') end})) end
    ]]))
    local report = reload(app)
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(cartridge.get('/web'), 'web2', 'code')
    t:ok(lib.mentions(report.warnings, 'stop!'), 'stop')
    t:ok(lib.mentions(report.warnings, 'before!'), 'before_apply_config')
    t:ok(lib.mentions(report.warnings, 'on_apply_config'), 'on_apply_config')
end)

lib.run()
