-- The command `topology`: the instances of a cluster, as one of them knows them.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.topology')
local fiber = require('fiber')

local A, B, C, D = 'aaaa', 'bbbb', 'cccc', 'dddd'

lib.box()
local SELF = box.info.uuid

local function server(uri, replicaset, disabled)
    return {uri = uri, replicaset_uuid = replicaset, disabled = disabled, electable = true}
end

local function member(alias, status, state)
    return {status = status or 'alive', payload = {alias = alias, state = state or 'RolesConfigured'}}
end

--- Installs a fake Cartridge.
-- @tparam table has `servers`, `members` (by address), `leaders`, `refined`,
--   and `views`: address -> the topology that the instance there has; a
--   function is called instead
-- @treturn {string,...} the addresses that were asked
local function fake(has)
    local asked = {}
    local modules = {
        ['cartridge'] = {VERSION = '2.17.0'},
        ['cartridge.confapplier'] = {
            get_active_config = function()
                return has.servers ~= false and {
                    get_readonly = function() return {topology = {servers = has.servers}} end,
                } or nil
            end,
            get_state = function() return 'RolesConfigured' end,
        },
        ['cartridge.failover'] = {get_active_leaders = function() return has.leaders or {} end},
        ['cartridge.roles'] = {},
        ['cartridge.topology'] = {refine_servers_uri = has.refined},
        ['membership'] = {
            get_member = function(uri) return (has.members or {})[uri] end,
            myself = function() return {uri = 'h:0', payload = {alias = 'self'}} end,
        },
        ['cartridge.pool'] = {connect = function(uri)
            table.insert(asked, uri)
            local view = (has.views or {})[uri]
            if view == nil then
                return nil, {err = 'Connection refused'}
            end
            return {eval = function(_, code, argv, opts)
                if type(view) == 'function' then
                    return view(opts)
                end
                local here = package.loaded['cartridge']
                package.loaded['cartridge'] = {config_get_readonly = function() return view.topology end}
                local ok, result = pcall(assert(loadstring(code)), unpack(argv))
                package.loaded['cartridge'] = here
                assert(ok, result)
                return result
            end}
        end},
    }
    for name, module in pairs(modules) do
        package.loaded[name] = module
    end
    lib.defer(function()
        for name in pairs(modules) do
            package.loaded[name] = nil
        end
    end)
    return asked
end

local function topology(args)
    return lib.load('commands.topology')(args or {command = 'topology', timeout = 5})
end

case('without Cartridge there is no topology', function(t)
    local report = topology()
    t:is(report.outcome, 'refused', 'outcome')
    t:is(report.error.code, 'no_cartridge', 'code')
end)

--- Installs a fake config of Tarantool 3.
-- @tparam table fields of the built-in module
local function fake_config(fields)
    local data = {
        get = function() end,
        names = function() return {instance_name = 'a'} end,
    }
    local config = {_status = 'ready', _appliers = {}, _configdata_applied = data, get = data.get}
    for name, value in pairs(fields) do
        config[name] = value
    end
    local builtins = debug.getregistry()._TARANTOOL_BUILTIN
    debug.getregistry()._TARANTOOL_BUILTIN = {config = config}
    lib.defer(function() debug.getregistry()._TARANTOOL_BUILTIN = builtins end)
end

case('the topology of a Tarantool 3 config', function(t)
    fake_config({
        instances = function()
            return {a = {replicaset_name = 'r1'}, b = {replicaset_name = 'r1'}, c = {replicaset_name = 'r2'}}
        end,
        instance_uri = function(_, kind, opts)
            t:is(kind, 'peer', 'the address for peers')
            if opts.instance == 'c' then
                error('no address')
            end
            return {uri = 'h:' .. opts.instance, login = 'replicator', password = 'secret'}
        end,
    })
    local report = topology()
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.topology.direct, true, 'are to be reached directly')
    t:is(report.topology.entry, SELF, 'the entry')
    table.sort(report.topology.instances, function(x, y) return x.alias < y.alias end)
    t:is_deeply(report.topology.instances, {
        {alias = 'a', replicaset = 'r1', uri = 'h:a', uuid = SELF},
        {alias = 'b', replicaset = 'r1', uri = 'h:b'},
        {alias = 'c', replicaset = 'r2'},
    }, 'with their addresses, and no password')
end)

case('a config without its instances is refused', function(t)
    fake_config({})
    t:is(topology().error.code, 'no_topology', 'an older server')
    fake_config({instances = function() error('broken') end, instance_uri = function() end})
    t:is(topology().error.code, 'no_topology', 'an error')
end)

case('an instance outside any cluster is refused', function(t)
    for _, servers in ipairs({false, 'none'}) do
        fake({servers = servers})
        local report = topology()
        t:is(report.outcome, 'refused', 'outcome')
        t:is(report.error.code, 'no_topology', 'code')
        t:is(report.uuid, SELF, 'uuid')
    end
end)

case('each instance has its name, address, role, state and health', function(t)
    fake({
        servers = {
            [SELF] = server('h:0', 's1'),
            [A] = server('h:1', 's1'),
            [B] = server('h:2', 's2', true),
            [C] = 'expelled',
            [D] = server('h:4', 's2'),
        },
        leaders = {s1 = A, s2 = D},
        members = {
            ['h:0'] = member('self'),
            ['h:1'] = member('first', 'alive', 'ConfiguringRoles'),
            ['h:2'] = member('second', 'dead'),
        },
    })
    local report = topology()
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.topology.entry, SELF, 'who was asked')
    t:is(report.alias, 'self', 'its name')
    local aliases = {}
    for _, one in ipairs(report.topology.instances) do
        table.insert(aliases, one.alias)
    end
    t:is_deeply(aliases, {C, 'first', 'h:4', 'second', 'self'}, 'sorted by name')
    local list = report.topology.instances
    t:is_deeply(list[1], {uuid = C, alias = C, expelled = true, disabled = false}, 'an expelled one')
    t:is_deeply(list[2], {
        uuid = A, uri = 'h:1', alias = 'first', replicaset = 's1', role = 'leader', state = 'ConfiguringRoles',
        health = 'alive', disabled = false, expelled = false,
    }, 'a leader')
    t:is(list[3].health, 'unknown', 'one that membership does not know')
    t:is(list[3].role, 'leader', 'leads all the same')
    t:is(list[4].disabled, true, 'a disabled one')
    t:is(list[4].health, 'dead', 'that is dead')
    t:is(list[5].role, 'follower', 'a follower')
end)

case('the address of an instance is the one from membership', function(t)
    local servers = {[SELF] = server('h:0', 's1'), [A] = server('h:1', 's1')}
    fake({servers = servers, refined = function() return {[A] = 'elsewhere:1'} end})
    local list = topology().topology.instances
    t:is(list[1].uri, 'elsewhere:1', 'address')
    t:is(list[2].uri, 'h:0', 'one that is not there')
    fake({servers = servers, refined = function() error('no such function') end})
    t:is(topology().topology.instances[2].uri, 'h:1', 'an older Cartridge has only the config')
end)

--- Installs a cluster of three, whose other instances have these topologies.
local function three(views, members)
    return fake({
        servers = {
            [SELF] = server('h:0', 's1'), [A] = server('h:1', 's1'), [B] = server('h:2', 's1'),
            [C] = server('h:3', 's1', true), [D] = 'expelled',
        },
        members = members or {
            ['h:0'] = member('self'), ['h:1'] = member('first'), ['h:2'] = member('second'),
            ['h:3'] = member('third'),
        },
        views = views,
    })
end

local function view(of_self)
    return {topology = {servers = {[SELF] = of_self, [A] = server('h:1', 's1')}}}
end

local GOOD = view(server('h:0', 's1', false))

case('peers confirm that the instance belongs to the cluster', function(t)
    local asked = three({['h:1'] = GOOD, ['h:2'] = GOOD})
    t:is(topology().outcome, 'ok', 'outcome')
    table.sort(asked)
    t:is_deeply(asked, {'h:1', 'h:2'}, 'those that take part are asked')
end)

case('an instance that does not know of its expulsion is refused', function(t)
    for _, one in ipairs({
        {'disabled', view(server('h:0', 's1', true))},
        {'expelled', view('expelled')},
        {'unknown', view(nil)},
    }) do
        three({['h:1'] = GOOD, ['h:2'] = one[2]})
        local report = topology()
        t:is(report.outcome, 'refused', one[1])
        t:is(report.error.code, 'old_topology', 'code')
        t:is(report.error.message, 'this instance has an outdated view of the cluster: according to second, '
            .. 'this instance is ' .. one[1] .. '; use another instance', 'message')
        t:is(report.topology, nil, 'no topology')
    end
end)

case('peers that do not answer do not count', function(t)
    three({['h:1'] = {}, ['h:2'] = function() error('no good') end})
    t:is(topology().outcome, 'ok', 'one without a config, and one that raises')
    three({['h:1'] = {topology = {}}})
    t:is(topology().outcome, 'ok', 'an empty config, and one that refuses')
    local asked = three({}, {['h:1'] = member('first', 'dead'), ['h:2'] = member('second', 'suspect')})
    t:is(topology().outcome, 'ok', 'those that are known to be away')
    t:is(#asked, 0, 'are not asked')
end)

case('peers are asked in parallel, within a time limit', function(t)
    local given, now, most = {}, 0, 0
    local function hang(opts)
        table.insert(given, opts.timeout)
        now = now + 1
        most = math.max(most, now)
        fiber.sleep(opts.timeout)
        now = now - 1
        error('Timeout exceeded', 0)
    end
    three({['h:1'] = hang, ['h:2'] = hang})
    t:is(topology({timeout = 2}).outcome, 'ok', 'outcome')
    t:is(most, 2, 'at once')
    for _, seconds in ipairs(given) do
        t:ok(seconds > 0 and seconds <= 1, ('half of the time: %.3f s'):format(seconds))
    end
    for _, f in pairs(fiber.info({backtrace = false})) do
        t:isnt(f.name, 'cartridge-reload', 'no fiber is left')
    end
end)

lib.run()
