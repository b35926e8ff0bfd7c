-- reload/pipeline.lua with the adapters: what each generation sees during a reload.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.pipeline')
local roles = assert(loadfile('tests/lua/reload/roles_lib.lua'))(lib)

lib.box()

local told, configure, role_text, reload = roles.told, roles.configure, roles.role_text, roles.reload

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

case('a state other than RolesConfigured is refused', function(t)
    local app = lib.app({['@.web'] = role_text('web', 1)})
    local cartridge = configure(app, {'@.web'})
    cartridge.state = 'OperationError'
    local report = reload(app)
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'bad_state', 'code')
    t:is(told(), '', 'nothing was called')
end)

lib.run()
