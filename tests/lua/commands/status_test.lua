-- The command `status`: whether the instance is running, and on which code.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.status')

local function status(stubs)
    return lib.load('commands.status', stubs)({command = 'status'})
end

--- Returns stubs with a fake Cartridge in that state.
local function cartridge_in(state, err)
    package.loaded['cartridge'] = {}
    lib.defer(function() package.loaded['cartridge'] = nil end)
    return {['platform.cartridge'] = {detect = function()
        return {
            alias = function() return 'router' end,
            refusal = function()
                return {code = 'bad_state', message = 'not shown', transient = state == 'ConfiguringRoles'}
            end,
            state = function() return state, err end,
            version = function() return '2.17.0' end,
        }
    end}}
end

case('before box.cfg the instance is not running', function(t)
    local report = status()
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'not_running', 'code')
    t:is(report.error.message, 'box.info.status is "unconfigured", not "running"', 'message')
    t:ok(report.error.transient, 'it passes')
    t:is(report.status.box, 'unconfigured', 'box')
    t:is(report.status.read_only, nil, 'not known')
    t:is(report.uuid, nil, 'nor the uuid')
    t:is(report.status.pid, require('tarantool').pid(), 'pid')
    t:is(lib.stash(), nil, 'no registry was made')
end)

case('the status of an instance without Cartridge', function(t)
    lib.box()
    local report = status()
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.error, nil, 'no error')
    t:is(report.generation, 0, 'generation')
    t:is(report.uuid, box.info.uuid, 'uuid')
    local expected = {
        tarantool = require('tarantool').version,
        pid = require('tarantool').pid(),
        box = 'running',
        read_only = false,
    }
    t:is_deeply(report.status, expected, 'status')
end)

case('a read-only instance is reported', function(t)
    box.cfg({read_only = true})
    lib.defer(function() box.cfg({read_only = false}) end)
    t:is(status().status.read_only, true, 'read only')
    t:is(status().outcome, 'ok', 'which is no failure')
end)

case('the status has the outcome of the last reload', function(t)
    local app = lib.app({['@'] = 'return {}'})
    app.require('@')
    lib.reload()
    local report = status()
    t:is(report.generation, 1, 'generation')
    t:is(report.status.loaded_at, lib.stash().loaded_at, 'when')
    t:is(report.status.last.outcome, 'reloaded', 'outcome')
    app.write('@', 'syntax error')
    lib.reload()
    report = status()
    t:is(report.generation, 1, 'a failed one is no generation')
    t:is(report.status.last.code, 'compile_error', 'but the last one')
    t:is(report.status.reloading, nil, 'none runs')
    t:is(report.outcome, 'ok', 'the instance serves')
end)

case('the status names the holder of a running reload', function(t)
    local stash = lib.load('core.stash')
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    local lock = stash.acquire('me@here pid 7')
    local report = status()
    t:is(report.outcome, 'ok', 'it serves meanwhile')
    t:is(report.status.reloading.holder, 'me@here pid 7', 'holder')
    t:is(type(report.status.reloading.seconds), 'number', 'since')
    stash.release(lock)
    t:is(status().status.reloading, nil, 'and then nobody')
end)

case('with Cartridge its state decides', function(t)
    local report = status(cartridge_in('RolesConfigured'))
    t:is(report.outcome, 'ok', 'configured')
    t:is(report.alias, 'router', 'alias')
    t:is(report.status.state, 'RolesConfigured', 'state')
    t:is(report.status.cartridge, '2.17.0', 'version')
    report = status(cartridge_in('ConfiguringRoles'))
    t:is(report.outcome, 'refused', 'on the way')
    t:is(report.error.code, 'bad_state', 'code')
    t:is(report.error.message, 'Cartridge is in state "ConfiguringRoles", not RolesConfigured', 'message')
    t:ok(report.error.transient, 'it passes')
    report = status(cartridge_in('OperationError', {err = 'because'}))
    t:is(report.error.message, 'Cartridge is in state "OperationError", not RolesConfigured: because', 'its error')
    t:ok(not report.error.transient, 'it does not pass')
    t:is(report.status.state, 'OperationError', 'state')
end)

case('a server that is not running is reported before the state of Cartridge', function(t)
    local real = box.info
    rawset(box, 'info', setmetatable({status = 'loading', ro = true}, {__index = real}))
    lib.defer(function() rawset(box, 'info', real) end)
    local report = status(cartridge_in('BootstrappingBox'))
    t:is(report.error.code, 'not_running', 'code')
    t:is(report.error.message, 'box.info.status is "loading", not "running"', 'message')
    t:is(report.status.state, 'BootstrappingBox', 'the state is there')
    t:is(report.status.read_only, true, 'and what else is known')
end)

lib.run()
