-- reload/lifecycle.lua: when roles are validated, started, applied and stopped.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.lifecycle')
local roles = assert(loadfile('tests/lua/reload/roles_lib.lua'))(lib)

lib.box()

local events, told, configure = roles.events, roles.told, roles.configure
local role_text, role_of, reload = roles.role_text, roles.role_of, roles.reload

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
