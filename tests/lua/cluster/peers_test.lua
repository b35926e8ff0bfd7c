-- cluster/peers.lua: requests to all instances of a cluster in parallel.

local fiber = require('fiber')

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('cluster.peers')

lib.box()

--- Creates instances whose connections behave as given.
local function world(connections)
    local list = {}
    for uuid in pairs(connections) do
        table.insert(list, {uuid = uuid, uri = 'host:' .. uuid, alias = uuid})
    end
    table.sort(list, function(a, b) return a.uuid < b.uuid end)
    return list, lib.load('cluster.peers', {['platform.cartridge'] = {connect = function(uri, seconds)
        local connection = connections[uri:match(':(.*)')]
        if type(connection) == 'string' then
            return nil, connection
        end
        return {eval = function(_, code, arguments, opts)
            return connection(code, arguments, opts, seconds)
        end}
    end}})
end

case('disabled and expelled instances are not asked', function(t)
    local _, peers = world({})
    local list = peers.enabled({
        {uuid = 'a', disabled = false, expelled = false}, {uuid = 'b', disabled = true, expelled = false},
        {uuid = 'c', disabled = false, expelled = true}, {uuid = 'd'},
    })
    t:is(#list, 2, 'two are left')
    t:is(list[1].uuid .. list[2].uuid, 'ad', 'which')
end)

case('each instance answers for itself', function(t)
    local instances, peers = world({
        a = function() return {state = 'RolesConfigured'} end,
        b = 'Connection refused',
        c = function() error('Peer closed', 0) end,
        d = function() error('', 0) end,
    })
    local states, failures = peers.states(instances, 10)
    t:is(states.a.state, 'RolesConfigured', 'an answer')
    t:is(failures.a, nil, 'no failure')
    t:is(states.b, nil, 'no answer')
    t:is(failures.b, 'Connection refused', 'no connection')
    t:is(failures.c, 'Peer closed', 'an error')
    t:is(failures.d, 'no answer in time', 'an error without a text')
end)

case('instances are asked in parallel, within a time limit', function(t)
    local asked, most, limits = 0, 0, {}
    local function slow(_, _, opts, seconds)
        asked = asked + 1
        most = math.max(most, asked)
        fiber.sleep(0.02)
        asked = asked - 1
        table.insert(limits, math.max(opts.timeout, seconds))
        return {}
    end
    local instances, peers = world({a = slow, b = slow, c = slow})
    peers.states(instances, 60)
    t:is(most, 3, 'all at once')
    for _, limit in ipairs(limits) do
        t:ok(limit <= 5, 'not as long as there is time')
    end
    limits = {}
    peers.states(instances, 0.5)
    for _, limit in ipairs(limits) do
        t:ok(limit <= 0.5, 'not longer than there is time')
    end
end)

--- Runs the sent code as the other instance would.
local function here(code, arguments)
    return assert(loadstring(code))(unpack(arguments))
end

local function stub(name, value)
    package.loaded[name] = value
    lib.defer(function() package.loaded[name] = nil end)
end

case('the state of an instance is reported in plain values', function(t)
    local conf = {get_checksum = function() return 123 end}
    local state = {'OperationError', {class_name = 'X', err = 'no disk', stack = 'long'}}
    stub('cartridge.confapplier', {
        get_state = function() return unpack(state) end,
        get_active_config = function() return conf end,
    })
    local instances, peers = world({a = here})
    local told = peers.states(instances, 5).a
    t:is(told.state, 'OperationError', 'state')
    t:is(told.why, 'no disk', 'an error object')
    t:is(told.checksum, '123', 'checksum')
    t:is(told.locked, false, 'not locked')
    rawset(_G, '_cluster_vars_values', {['cartridge.twophase'] = {prepared_config = {}}})
    lib.defer(function() rawset(_G, '_cluster_vars_values', nil) end)
    state, conf = {'Unconfigured'}, nil
    told = peers.states(instances, 5).a
    t:is(told.locked, true, 'locked')
    t:is(told.why, nil, 'no error')
    t:is(told.checksum, nil, 'no config')
    state = {'BootError', 'text'}
    t:is(peers.states(instances, 5).a.why, 'text', 'an error that is text')
end)

case('an instance that rejects a config gives its reason', function(t)
    local validate
    stub('cartridge.clusterwide-config', {new = function(plaintext)
        if plaintext.bad then
            return nil, {err = 'no YAML'}
        end
        return {lock = function(self)
            self.locked = plaintext
            return self
        end}
    end})
    stub('cartridge.confapplier', {validate_config = function(conf)
        return validate(conf.locked)
    end})
    local instances, peers = world({a = here, b = 'Connection refused'})
    local function objection(plaintext)
        local list = peers.objections(instances, plaintext or {x = 'y'}, 5)
        t:is(list.b, nil, 'who is not there says nothing')
        return list.a
    end
    validate = function() return true end
    t:is(objection(), nil, 'fine')
    validate = function(plaintext) return nil, {err = 'not ' .. plaintext.x} end
    t:is(objection(), 'not y', 'an error object')
    validate = function() return nil, 'text' end
    t:is(objection(), 'text', 'a text')
    validate = function() error('boom', 0) end
    t:is(objection(), 'boom', 'raised')
    t:is(objection({bad = '1'}), 'no YAML', 'not even a config')
end)

case('an instance that went on with an abandoned change is told to abort', function(t)
    local fio = require('fio')
    local dir = fio.tempdir()
    local path = fio.pathjoin(dir, 'config.prepare')
    lib.defer(function() fio.rmtree(dir) end)
    stub('cartridge.confapplier', {get_workdir = function() return dir end})
    local vars = {}
    rawset(_G, '_cluster_vars_values', {['cartridge.twophase'] = vars})
    rawset(_G, '__cartridge_clusterwide_config_abort_2pc', function()
        fio.rmtree(path)
        vars.prepared_config = nil
        return true
    end)
    lib.defer(function()
        rawset(_G, '_cluster_vars_values', nil)
        rawset(_G, '__cartridge_clusterwide_config_abort_2pc', nil)
    end)
    local function prepare(checksum)
        vars.prepared_config = {get_checksum = function() return checksum end}
    end
    local instances, peers = world({a = here, b = 'Connection refused'})
    local function release(limit, age)
        local released = peers.release(instances, '77', age or 0, limit or 5)
        t:is(released.b, nil, 'of who is not there nothing is known')
        return released.a
    end
    t:is(release(), true, 'there is nothing to forget')
    fio.mkdir(path)
    prepare(77)
    t:is(release(), true, 'it forgets')
    t:is(vars.prepared_config, nil, 'the config')
    fio.mkdir(path .. '.1a2b')
    fiber.create(function()
        fiber.sleep(0.05)
        fio.rename(path .. '.1a2b', path)
        prepare(77)
    end)
    t:is(release(), true, 'one that is being written is waited for')
    t:is(fio.path.exists(path), false, 'and forgotten')
    prepare(78)
    t:is(release(), false, 'a change of somebody else')
    t:isnt(vars.prepared_config, nil, 'is left alone')
    vars.prepared_config = nil
    fio.mkdir(path)
    t:is(release(0.05), false, 'it is not waited for without end')
    t:is(release(5, -1000), true, 'nor at all if it was there before')
end)

lib.run()
