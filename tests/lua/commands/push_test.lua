-- The command `push`, on a fake Cartridge with only the fields that it needs.

local fiber = require('fiber')

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.push')

lib.box()

local A, B, C = 'uuid-a', 'uuid-b', 'uuid-c'

local CONFIG = {}
CONFIG.__index = CONFIG

local function new_config(plaintext)
    return setmetatable({plaintext = plaintext}, CONFIG)
end

function CONFIG:get_plaintext(name)
    if name == nil then
        return self.plaintext
    end
    return self.plaintext[name]
end

function CONFIG:get_checksum()
    local names, out = {}, {}
    for name in pairs(self.plaintext) do
        table.insert(names, name)
    end
    table.sort(names)
    for _, name in ipairs(names) do
        table.insert(out, name .. '=' .. self.plaintext[name])
    end
    return table.concat(out, ';')
end

function CONFIG:copy_and_patch(patch)
    local plaintext = table.copy(self.plaintext)
    for name, text in pairs(patch) do
        plaintext[name] = text ~= nil and text or nil
    end
    return new_config(plaintext)
end

function CONFIG:update_luatables()
    if self.plaintext['extensions/config.yml'] == 'bad yaml' then
        return nil, {class_name = 'LoadConfigError', err = 'no YAML', str = 'LoadConfigError: no YAML'}
    end
    return self
end

function CONFIG:get_readonly()
    local text = self.plaintext['extensions/config.yml']
    return {['extensions/config'] = text and require('yaml').decode(text) or nil}
end

--- Creates a cluster of three, with these results of the stubs.
local function cluster(fields)
    local world = {
        config = new_config({['topology.yml'] = 'x', ['extensions/a.lua'] = 'return 1'}),
        state = 'RolesConfigured',
        topology = {replicasets = {s = {roles = {extensions = true}}}},
        twophase = {},
        states = {[A] = {}, [B] = {}, [C] = {}},
        objections = {},
        asked_objections = 0,
        patches = {},
        disabled = {},
    }
    for key, value in pairs(fields or {}) do
        world[key] = value
    end
    -- The result of config_patch_clusterwide: true, or an error.
    world.results = fields and fields.results or {}
    package.loaded['cartridge'] = {
        config_patch_clusterwide = function(patch)
            table.insert(world.patches, patch)
            local result = world.results[#world.patches]
            if type(result) == 'function' then
                result = result(patch)
            end
            if result ~= nil then
                return nil, result
            end
            world.config = world.config:copy_and_patch(patch)
            return true
        end,
    }
    package.loaded['cartridge.twophase'] = world.timeouts or {}
    local detected = {
        active_config = function() return world.config end,
        alias = function() return 'a' end,
        config_tables = function() return {topology = world.topology} end,
        instances = function()
            local list = {}
            for _, one in ipairs({{A, 'a'}, {B, 'b'}, {C, 'c'}}) do
                table.insert(list, {
                    uuid = one[1], alias = one[2], uri = 'host:' .. one[2],
                    disabled = world.disabled[one[1]] == true, expelled = false,
                })
            end
            return list
        end,
        state = function() return world.state, world.why end,
        vars = function() return world.twophase end,
    }
    world.loader = {
        ['platform.cartridge'] = {
            PASSING = {ConfiguringRoles = true},
            detect = function()
                return not world.no_cartridge and detected or nil
            end,
        },
        ['cluster.peers'] = {
            enabled = function(instances)
                local list = {}
                for _, one in ipairs(instances) do
                    if not one.disabled then
                        table.insert(list, one)
                    end
                end
                return list
            end,
            states = function(instances)
                if world.on_survey ~= nil then
                    world.on_survey(world)
                end
                local states, failures = {}, {}
                for _, one in ipairs(instances) do
                    local state = world.states[one.uuid]
                    if type(state) == 'string' then
                        failures[one.uuid] = state
                    else
                        states[one.uuid] = {
                            state = state.state or 'RolesConfigured',
                            why = state.why,
                            checksum = state.checksum or world.config:get_checksum(),
                            locked = state.locked or false,
                        }
                    end
                end
                return states, failures
            end,
            objections = function()
                world.asked_objections = world.asked_objections + 1
                return world.objections
            end,
            release = function(_, checksum)
                world.released = checksum
                return world.locked or {}
            end,
        },
    }
    lib.defer(function()
        package.loaded['cartridge'] = nil
        package.loaded['cartridge.twophase'] = nil
        rawset(_G, '__cartridge_reload', nil)
    end)
    return world
end

local function push(world, given, args)
    args = table.copy(args or {})
    args.timeout = args.timeout or 10
    args.sections, args.holder = {}, 'me@here'
    local names, texts = {}, {}
    for name in pairs(given) do
        table.insert(names, name)
    end
    table.sort(names)
    for i, name in ipairs(names) do
        args.sections[i] = {name = name, size = #given[name]}
        texts[i] = given[name]
    end
    world.loader.sources = {pushed = table.concat(texts)}
    return lib.load('commands.push', world.loader)(args)
end

local function outcomes(report)
    local list = {}
    for i, one in ipairs(report.cluster) do
        list[i] = one.alias .. '=' .. tostring(one.outcome)
    end
    return table.concat(list, ' ')
end

local NEW = {['extensions/a.lua'] = 'return 2'}

case('new code is pushed to the cluster', function(t)
    local world = cluster()
    local report = push(world, NEW)
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.error, nil, 'no error')
    t:is(report.sections.changed[1], 'extensions/a.lua', 'changed')
    t:is(outcomes(report), 'a=ok b=ok c=ok', 'all have it')
    t:is(#world.patches, 1, 'one change')
    t:is(world.config:get_plaintext('extensions/a.lua'), 'return 2', 'it is there')
    t:is(type(report.timings_ms.compile), 'number', 'time to compile')
    t:is(type(report.timings_ms.commit), 'number', 'time to commit')
    t:is(#report.warnings, 0, 'no warnings')
    t:is(lib.stash().lock, nil, 'the lock is free')
end)

case('an unchanged config pushes nothing', function(t)
    local world = cluster()
    local report = push(world, {['extensions/a.lua'] = 'return 1'})
    t:is(report.outcome, 'unchanged', 'outcome')
    t:is(outcomes(report), 'a=unchanged b=unchanged c=unchanged', 'instances')
    t:is(#world.patches, 0, 'no change')
end)

case('a dry run only compares', function(t)
    local world = cluster()
    local report = push(world, NEW, {dry_run = true})
    t:is(report.outcome, 'planned', 'outcome')
    t:is(report.sections.changed[1], 'extensions/a.lua', 'changed')
    t:is(outcomes(report), 'a=planned b=planned c=planned', 'instances')
    t:is(#world.patches, 0, 'no change')
    t:is(lib.stash(), nil, 'nothing is left behind')
    report = push(world, {['extensions/a.lua'] = 'return 1'}, {dry_run = true})
    t:is(report.outcome, 'unchanged', 'nothing would change')
    t:is(outcomes(report), 'a=unchanged b=unchanged c=unchanged', 'anywhere')
end)

case('files that are not in the directory are removed only with --prune', function(t)
    local world = cluster()
    push(world, {['extensions/b.lua'] = 'return 1'})
    t:is(world.config:get_plaintext('extensions/a.lua'), 'return 1', 'kept')
    local report = push(world, {['extensions/b.lua'] = 'return 1'}, {prune = true})
    t:is(report.sections.removed[1], 'extensions/a.lua', 'removed')
    t:is(world.config:get_plaintext('extensions/a.lua'), nil, 'gone')
    t:is(world.config:get_plaintext('topology.yml'), 'x', 'others stay')
end)

local function refused(t, world, code, transient, name)
    local report = push(world, NEW)
    t:is(report.outcome, 'refused', name)
    t:is(report.error.code, code, 'code')
    t:is(report.error.transient or false, transient, 'transient')
    t:is(#world.patches, 0, 'no change')
    return report
end

case('an instance that cannot push refuses', function(t)
    refused(t, cluster({no_cartridge = true}), 'no_cartridge', false, 'no Cartridge')
    refused(t, cluster({state = 'ConfiguringRoles'}), 'bad_state', true, 'a state on the way')
    local report = refused(t, cluster({state = 'InitError', why = {err = 'no disk'}}), 'bad_state', false, 'an error')
    t:like(report.error.message, 'no disk', 'why')
    refused(t, cluster({twophase = {prepared_config = {}}}), 'config_locked', true, 'prepared')
    refused(t, cluster({twophase = {locks = {clusterwide = true}}}), 'config_locked', true, 'locked')
    refused(t, cluster({topology = {replicasets = {s = {roles = {web = true}}}}}), 'no_extensions', false, 'no role')
    t:is(push(cluster({state = 'OperationError'}), NEW).outcome, 'ok', 'roles that failed may be healed')
end)

case('a push that arrives too late does not begin', function(t)
    local world = cluster()
    local report = push(world, NEW, {not_after = 1})
    t:is(report.outcome, 'timeout', 'before all')
    t:is(push(world, NEW, {timeout = 0}).outcome, 'timeout', 'before the change')
    t:is(#world.patches, 0, 'no change')
end)

case('a second push at the same time is refused', function(t)
    local world = cluster()
    local held, free = fiber.cond(), fiber.cond()
    world.on_survey = function()
        world.on_survey = nil
        held:broadcast()
        free:wait(5)
    end
    local first
    local f = fiber.new(function() first = push(world, NEW) end)
    f:set_joinable(true)
    held:wait(5)
    local second = push(world, NEW)
    t:is(second.outcome, 'refused', 'the second')
    t:is(second.error.code, 'locked', 'code')
    t:like(second.error.message, 'me@here', 'who')
    free:broadcast()
    f:join()
    t:is(first.outcome, 'ok', 'the first')
end)

case('a push to an incomplete cluster is refused', function(t)
    local world = cluster()
    world.states[B] = 'Connection refused'
    local report = refused(t, world, 'unreachable_instances', true, 'one is away')
    t:is(outcomes(report), 'a=unchanged b=unreachable c=unchanged', 'which')
    t:like(report.error.message, '1 of 3 instances: b: Connection refused', 'and why')
    world = cluster()
    world.states[C] = {locked = true}
    report = refused(t, world, 'config_locked', true, 'one is locked')
    t:is(outcomes(report), 'a=unchanged b=unchanged c=refused', 'which')
    world = cluster()
    world.states[B], world.states[C] = {state = 'ConfiguringRoles'}, {state = 'InitError'}
    report = refused(t, world, 'bad_state', false, 'two are not ready')
    t:is(outcomes(report), 'a=unchanged b=refused c=refused', 'which')
    world = cluster()
    world.states[B] = {state = 'ConfiguringRoles'}
    refused(t, world, 'bad_state', true, 'one that will be ready')
    world = cluster()
    world.states[B] = {checksum = 'another'}
    report = refused(t, world, 'config_differs', true, 'one has another config')
    t:is(outcomes(report), 'a=unchanged b=refused c=unchanged', 'which')
end)

case('disabled instances are left out', function(t)
    local world = cluster({disabled = {[C] = true}})
    world.states[C] = 'Connection refused'
    local report = push(world, NEW)
    t:is(report.outcome, 'ok', 'outcome')
    t:is(outcomes(report), 'a=ok b=ok c=skipped', 'instances')
end)

case('a config that changed since the comparison is refused', function(t)
    local world = cluster()
    world.on_survey = function()
        -- The same text, but another change.
        world.config = world.config:copy_and_patch({})
    end
    refused(t, world, 'config_changed', true, 'changed meanwhile')
end)

case('code that does not compile is sent to no instance', function(t)
    local world = cluster()
    local report = push(world, {['extensions/a.lua'] = 'return {', ['extensions/b.lua'] = 'x ='})
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'compile_error', 'code')
    t:is(report.error.phase, 'compile', 'phase')
    t:is(report.error.module, 'extensions.a', 'module')
    t:like(report.error.message, 'and 1 more', 'message')
    t:is(#report.problems, 2, 'all problems')
    t:is(#report.sections.added, 1, 'what it would have been')
    report = push(world, {['extensions/config.yml'] = 'bad yaml'})
    t:is(report.error.code, 'bad_config', 'YAML')
    t:is(report.error.message, 'no YAML', 'message')
    t:is(report.error.traceback, nil, 'no traceback of our own')
    report = push(world, {['extensions/config.yml'] = 'functions: {'})
    t:is(report.error.code, 'bad_config', 'half a YAML')
    t:like(report.error.message, '^extensions/config.yml is not valid YAML: ', 'says so')
    t:is(report.error.traceback, nil, 'without a traceback')
    report = push(world, {
        ['extensions/config.yml'] = 'functions: {f: {module: extensions.none, handler: g, events: []}}',
    }, {dry_run = true})
    t:is(report.outcome, 'failed', 'a dry run, too')
    t:is(report.error.code, 'bad_config', 'module')
    t:is(report.error.module, 'extensions.none', 'which')
    t:is(#world.patches, 0, 'no change')
end)

case('the same error of several instances is reported once', function(t)
    local world = cluster({
        results = {{err = 'no'}},
        objections = {[A] = 'no', [B] = 'no', [C] = 'never'},
    })
    local report = push(world, NEW)
    t:is(report.error.message, 'refused by 3 of 3 instances: a, b: no; c: never', 'message')
end)

case('all instances that reject the config are named', function(t)
    local world = cluster({
        results = {{err = 'b says no'}},
        objections = {[B] = 'no', [C] = 'never'},
    })
    local report = push(world, NEW)
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'validate_failed', 'code')
    t:is(report.error.message, 'refused by 2 of 3 instances: b: no; c: never', 'message')
    t:is(outcomes(report), 'a=unchanged b=refused c=refused', 'instances')
    t:is(report.rollback, nil, 'nothing to undo')
    t:is(#world.patches, 1, 'one try')
end)

case('an error of Cartridge is reported unchanged', function(t)
    local world = cluster({results = {{err = 'Upload not found'}}})
    local report = push(world, NEW)
    t:is(report.error.code, 'push_failed', 'code')
    t:is(report.error.message, 'Upload not found', 'message')
    t:like(world.released, 'extensions/a%.lua=', 'who is late is to forget the new config')
    t:is(#report.warnings, 0, 'no warnings')
    world = cluster({results = {{err = 'Timeout exceeded'}}, locked = {[A] = true, [B] = false}})
    report = push(world, NEW)
    t:is(#report.warnings, 1, 'one did not')
    t:like(report.warnings[1], '^b is still locked by an abandoned config change', 'which')
    world = cluster({results = {function() error('boom', 0) end}})
    t:is(push(world, NEW).error.message, 'boom', 'raised')
end)

case('a lock taken during the push refuses it', function(t)
    for _, text in ipairs({'Two-phase commit is locked', 'cartridge.patch_clusterwide is already running'}) do
        local world = cluster({results = {{err = text}}})
        local report = push(world, NEW)
        t:is(report.outcome, 'refused', text)
        t:is(report.error.code, 'config_locked', 'code')
        t:is(report.error.transient, true, 'transient')
        t:is(world.asked_objections, 0, 'nobody is asked')
    end
end)

--- Creates a cluster where a change fails on c when it is applied; `back` is the result
-- of the change after it.
local function broken(back)
    local world
    world = cluster({results = {function(patch)
        world.config = world.config:copy_and_patch(patch)
        world.states[C] = {state = 'OperationError', why = 'no disk'}
        return {err = 'no disk'}
    end, back}})
    return world
end

case('a push that fails to apply is undone', function(t)
    local world
    world = broken(function()
        world.states[C] = {}
    end)
    local report = push(world, NEW)
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'apply_failed', 'code')
    t:is(report.error.message, 'the new code failed on 1 of 3 instances: c: OperationError: no disk', 'message')
    t:is(report.rollback.complete, true, 'complete')
    t:is(report.rollback.undone[1], 'extensions/a.lua', 'undone')
    t:is(outcomes(report), 'a=unchanged b=unchanged c=failed', 'instances')
    t:is(world.config:get_plaintext('extensions/a.lua'), 'return 1', 'the old code')
end)

case('what cannot be undone is listed', function(t)
    local report = push(broken({err = 'c is away'}), NEW)
    t:is(report.outcome, 'degraded', 'not put back')
    t:ok(lib.mentions(report.rollback.left, 'were not restored: c is away'), 'why')
    t:is(outcomes(report), 'a=ok b=ok c=failed', 'instances')
    report = push(broken(nil), NEW)
    t:is(report.outcome, 'degraded', 'the old code fails, too')
    t:ok(lib.mentions(report.rollback.left, 'c: OperationError: no disk'), 'where')
end)

case('roles that had failed before prevent an undo', function(t)
    local world = broken(nil)
    world.states[B] = {state = 'OperationError'}
    local report = push(world, NEW)
    t:is(report.outcome, 'degraded', 'outcome')
    t:is(#world.patches, 1, 'no second change')
    t:ok(lib.mentions(report.rollback.left, 'the new sections were kept'), 'it is said')
end)

case('a concurrent change prevents an undo', function(t)
    local world
    world = cluster({results = {function(patch)
        world.config = world.config:copy_and_patch(patch)
        world.config = world.config:copy_and_patch({['extensions/a.lua'] = 'return 3'})
        return {err = 'no disk'}
    end}})
    local report = push(world, NEW)
    t:is(report.outcome, 'degraded', 'outcome')
    t:is(#world.patches, 1, 'no second change')
    t:is(world.config:get_plaintext('extensions/a.lua'), 'return 3', 'theirs')
end)

case('an instance that is unhealthy after the push is a warning', function(t)
    local world
    world = cluster({results = {function()
        world.states[B], world.states[C] = 'Connection refused', {state = 'ConfiguringRoles'}
    end}})
    local report = push(world, NEW)
    t:is(report.outcome, 'ok', 'outcome')
    t:is(#report.warnings, 2, 'warnings')
    t:ok(lib.mentions(report.warnings, 'b accepted the code, but is now unreachable'), 'one')
    t:ok(lib.mentions(report.warnings, 'c accepted the code, but is now in state "ConfiguringRoles"'), 'other')
end)

case('large code gets a longer time limit, and resets it afterwards', function(t)
    local timeout, checking, seen, seen_checking = 1, 10, nil, nil
    local world
    world = cluster({
        timeouts = {
            get_netbox_call_timeout = function() return timeout end,
            set_netbox_call_timeout = function(value) timeout = value end,
            get_validate_config_timeout = function() return checking end,
            set_validate_config_timeout = function(value) checking = value end,
        },
        results = {function() seen, seen_checking = timeout, checking end},
    })
    push(world, {['extensions/a.lua'] = ('-'):rep(4 * 1024 * 1024)})
    t:ok(seen > 2.9 and seen < 3.1, 'two seconds more')
    t:ok(math.abs(seen_checking - checking - seen + timeout) < 0.001, 'as many to write it')
    t:is(timeout, 1, 'as it was')
    t:is(checking, 10, 'this, too')
    local many = {}
    for i = 1, 1000 do
        many['extensions/m' .. i .. '.lua'] = ''
    end
    world.results = {nil, function() seen = timeout end}
    push(world, many)
    t:ok(seen > 20, 'many files take their time')
    t:is(timeout, 1, 'as it was')
    world.results = {nil, nil, function() error('boom') end}
    push(world, NEW)
    t:is(timeout, 1, 'also after an error')
end)

lib.run()
