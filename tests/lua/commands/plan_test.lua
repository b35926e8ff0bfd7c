-- The command `plan`: what a reload would do, without doing it.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.plan')

local function plan(args)
    args = table.copy(args or {})
    args.command = 'plan'
    return lib.load('commands.plan')(args)
end

local function reasons(report)
    local result = {}
    for _, entry in ipairs(report.kept) do
        result[entry.reason] = entry.names
    end
    return result
end

case('before box.cfg the plan is a refusal', function(t)
    local report = plan()
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'not_running', 'code')
    t:ok(report.error.transient, 'it passes')
    t:is(type(report.modules), 'table', 'modules all the same')
end)

case('the plan works after box.cfg', function(t)
    lib.box()
    t:is(type(box.cfg), 'table', 'configured')
end)

case('the plan lists modules and reasons and changes nothing', function(t)
    rawset(_G, 'plan_runs', 0)
    lib.defer(function() rawset(_G, 'plan_runs', nil) end)
    local app = lib.app({
        ['@.a'] = 'plan_runs = plan_runs + 1 return {}',
        ['@.b'] = 'plan_runs = plan_runs + 1 return {}',
        ['@.gone'] = 'return {f = function() end}',
    })
    app.require('@.a')
    app.require('@.b')
    app.require('@.gone')
    app.remove('@.gone')
    local loaded, loader, wrapped = app.loaded('@.a'), package.loaders[1], require
    local report = plan({exclude = {'*.b'}})
    t:is(report.outcome, 'planned', 'outcome')
    local paths = {}
    for _, module in ipairs(report.modules) do
        paths[module.name] = module.path
    end
    t:is(paths[app.name .. '.a'], app.path('@.a'), 'a module that would be loaded')
    t:is(paths[app.name .. '.b'], nil, 'one that would not')
    t:ok(lib.mentions(reasons(report).excluded, app.name .. '.b'), 'and why')
    t:ok(lib.mentions(reasons(report).gone, app.name .. '.gone'), 'a file that is gone')
    t:ok(lib.mentions(reasons(report).builtin, 'fiber'), 'built in')
    t:is(rawget(_G, 'plan_runs'), 2, 'no code ran')
    t:is(app.loaded('@.a'), loaded, 'package.loaded')
    t:is(package.loaders[1], loader, 'loaders')
    t:is(require, wrapped, 'require')
    t:is(lib.stash(), nil, 'no registry')
end)

case('a compile error in the plan is the failure of a reload', function(t)
    local app = lib.app({['@.a'] = 'return {}', ['@.b'] = 'return {}'})
    app.require('@.a')
    app.require('@.b')
    app.write('@.a', 'local = 1')
    app.write('@.b', 'local = 2')
    local report = plan({modules = {app.name .. '*'}})
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'compile_error', 'code')
    t:is(report.error.module, app.name .. '.a', 'module')
    t:is(#report.problems, 2, 'all of them')
    t:is(#report.modules, 2, 'and the modules')
end)

case('the plan marks what changed since the last reload', function(t)
    local app = lib.app({['@.a'] = 'return {}', ['@.b'] = 'return {}'})
    app.require('@.a')
    app.require('@.b')
    local args = {modules = {app.name .. '*'}}
    t:is(plan(args).modules[1].changed, nil, 'generation 0: not known')
    t:is(plan(args).outcome, 'planned', 'what is not known may change')
    lib.reload(args)
    t:is(plan(args).outcome, 'unchanged', 'nothing would change')
    app.write('@.b', 'return {2}')
    local report = plan(args)
    t:is(report.outcome, 'planned', 'one module would change')
    t:is(report.modules[1].changed, false, 'a')
    t:is(report.modules[2].changed, true, 'b')
    t:is(report.generation, 1, 'generation')
end)

case('during a reload the plan is a refusal', function(t)
    local app = lib.app({['@'] = 'return {}'})
    app.require('@')
    app.write('@', "require('fiber').sleep(0.1) return {}")
    local ended
    fiber.create(function()
        ended = lib.reload({modules = {app.name}, holder = 'alice'})
    end)
    lib.wait(function() return lib.stash() and lib.stash().lock end)
    local report = plan({modules = {app.name}})
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'locked', 'code')
    t:like(report.error.message, 'alice', 'by whom')
    t:ok(lib.wait(function() return ended end), 'the reload ends')
    t:is(plan({modules = {app.name}}).outcome, 'unchanged', 'and then none is refused')
end)

case('the plan lists present stale references without failing', function(t)
    local app = lib.app({['@'] = 'return {get = function() return "v1" end}'})
    rawset(_G, 'held', {get = app.require('@').get})
    lib.defer(function() rawset(_G, 'held', nil) end)
    local report = plan({timeout = 60})
    t:is(#report.stale, 0, 'nothing before the first reload')
    t:is(lib.stash(), nil, 'and no registry was made')
    lib.reload({stale = 'report'})
    report = plan({timeout = 60})
    t:is(report.outcome, 'unchanged', 'outcome')
    t:is(report.error, nil, 'no error')
    t:is(#report.stale, 1, 'one place')
    t:is(report.stale[1].where, 'global held.get', 'where')
    t:is(report.stale[1].patched, false, 'left as it is')
    t:is(rawget(_G, 'held').get(), 'v1', 'indeed')
    t:is(report.scan.complete, true, 'the scan')
    app.write('@', 'syntax error')
    report = plan({timeout = 60})
    t:is(report.outcome, 'failed', 'code that does not compile')
    t:is(#report.stale, 1, 'is told beside it')
    local real = lib.load('scan.init')
    app.write('@', 'return {}')
    local stub = {refusal = function() return 'too large' end, look = real.look}
    report = lib.load('commands.plan', {['scan.init'] = stub})({command = 'plan', timeout = 60})
    t:is(report.outcome, 'planned', 'a heap that is too large for a scan')
    t:is(report.scan, nil, 'is not looked at')
end)

lib.run()
