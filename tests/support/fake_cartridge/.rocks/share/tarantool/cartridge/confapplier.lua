-- Test stand-in for cartridge.confapplier 2.17, written from its documented and
-- observed behaviour: the state machine of an instance, and the steps from a
-- clusterwide config to configured roles.

local fiber = require('fiber')
local fio = require('fio')
local log = require('log')

local errors = require('errors')
local membership = require('membership')

local ClusterwideConfig = require('cartridge.clusterwide-config')
local cluster_cookie = require('cartridge.cluster-cookie')
local failover = require('cartridge.failover')
local hotreload = require('cartridge.hotreload')
local pool = require('cartridge.pool')
local remote_control = require('cartridge.remote-control')
local roles = require('cartridge.roles')
local topology = require('cartridge.topology')
local vars = require('cartridge.vars').new('cartridge.confapplier')

vars:new('state', '')
vars:new('error')
vars:new('state_notification', fiber.cond())
vars:new('state_notification_timeout', 5)
vars:new('state_timestamp', 0)
vars:new('clusterwide_config')
vars:new('workdir')
vars:new('advertise_uri')
vars:new('instance_uuid')
vars:new('replicaset_uuid')
vars:new('box_opts')

local StateError = errors.new_class('StateError')
local OperationError = errors.new_class('OperationError')
local BootError = errors.new_class('BootError')
local BoxError = errors.new_class('BoxError')

-- Each state -> the states that may follow it.
local TRANSITIONS = {
    [''] = 'Unconfigured ConfigFound InitError',
    Unconfigured = 'BootstrappingBox',
    ConfigFound = 'ConfigLoaded InitError',
    ConfigLoaded = 'RecoveringSnapshot BootstrappingBox',
    BootstrappingBox = 'ConnectingFullmesh BootError',
    RecoveringSnapshot = 'ConnectingFullmesh BootError',
    ConnectingFullmesh = 'ConnectingFullmesh BoxConfigured BootError',
    BoxConfigured = 'ConfiguringRoles',
    ConfiguringRoles = 'RolesConfigured OperationError',
    RolesConfigured = 'ConfiguringRoles ReloadingRoles',
    ReloadingRoles = 'BoxConfigured ReloadError',
    OperationError = 'ConfiguringRoles ReloadingRoles',
    ReloadError = 'ReloadingRoles',
    InitError = '',
    BootError = '',
}
local FAILED = {
    InitError = true, BootError = true, OperationError = true,
    ReloadError = true,
}

local function may_follow(from, to)
    local followers = ' ' .. TRANSITIONS[from] .. ' '
    return followers:find(' ' .. to .. ' ', 1, true) ~= nil
end

local function set_state(state, err)
    StateError:assert(may_follow(vars.state, state),
        'invalid transition %s -> %s', vars.state, state)
    if FAILED[state] then
        err = err or errors.new(state, 'Unknown error')
        log.error('Instance entering failed state: %s -> %s\n%s', vars.state,
            state, err)
    else
        log.info('Instance state changed: %s -> %s', vars.state, state)
    end
    membership.set_payload('state_prev', vars.state)
    membership.set_payload('state', state)
    vars.state = state
    vars.error = err
    vars.state_timestamp = fiber.clock()
    vars.state_notification:broadcast()
end

-- Waits only if the wanted state is one step away; returns the resulting state.
local function wish_state(state, timeout)
    local deadline = fiber.clock() + (timeout
        or vars.state_notification_timeout)
    while vars.state ~= state and may_follow(vars.state, state) do
        local left = deadline - fiber.clock()
        if left <= 0 then
            break
        end
        vars.state_notification:wait(left)
    end
    return vars.state
end

local function validate_config(clusterwide_config)
    assert(clusterwide_config.locked)
    local conf_old = {}
    if vars.clusterwide_config ~= nil then
        conf_old = vars.clusterwide_config:get_readonly()
    end
    return roles.validate_config(clusterwide_config:get_readonly(), conf_old)
end

local function apply_config(clusterwide_config)
    assert(clusterwide_config.locked)
    assert(vars.state == 'BoxConfigured' or vars.state == 'OperationError'
        or vars.state == 'RolesConfigured', 'Unexpected state ' .. vars.state)
    vars.clusterwide_config = clusterwide_config
    set_state('ConfiguringRoles')

    box.cfg({
        replication_connect_quorum = 0,
        replication = topology.get_fullmesh_replication(
            clusterwide_config:get_readonly('topology'),
            vars.replicaset_uuid),
    })

    local ok, err = OperationError:pcall(failover.cfg, clusterwide_config)
    if not ok then
        set_state('OperationError', err)
        return nil, err
    end
    local conf = clusterwide_config:get_readonly()
    pcall(roles.before_apply_config, conf)
    ok, err = roles.apply_config(conf, {is_master = failover.is_leader()})
    local state = ok and 'RolesConfigured' or 'OperationError'
    set_state(state, err)
    pcall(roles.on_apply_config, conf, state)
    return ok, err
end

local function snapshot_exists()
    local pattern = fio.pathjoin(vars.box_opts.memtx_dir, '*.snap')
    return next(fio.glob(pattern)) ~= nil
end

-- Returns the options of box.cfg to bootstrap a database: the leader creates it,
-- the other instances of the replica set replicate it.
local function bootstrap_options(topology_cfg)
    local uuid = topology.find_server_by_uri(topology_cfg, vars.advertise_uri)
    if uuid == nil then
        return nil, BootError:new('Missing %s in clusterwide config,' ..
            ' check advertise_uri correctness', vars.advertise_uri)
    end
    local replicaset_uuid = topology_cfg.servers[uuid].replicaset_uuid
    local order = topology.get_leaders_order(topology_cfg, replicaset_uuid, nil,
        {only_enabled = true})
    local leader_uuid = order[1]
    for _, candidate in ipairs(order) do
        local uri = topology_cfg.servers[candidate].uri
        local member = membership.get_member(uri)
        if member ~= nil and member.status == 'alive'
            and member.payload.leader_uuid ~= nil then
            leader_uuid = member.payload.leader_uuid
            break
        end
    end
    local opts = {instance_uuid = uuid, replicaset_uuid = replicaset_uuid}
    if leader_uuid == uuid then
        opts.read_only = false
    else
        opts.replication = {
            pool.format_uri(topology_cfg.servers[leader_uuid].uri),
        }
    end
    return opts
end

-- Sets the cluster's cookie as the password of the cluster's user.
local function admit_cluster()
    local name, cookie = cluster_cookie.username(), cluster_cookie.cookie()
    local user = box.space._user.index.name:get(name)
    local auth = user.auth['chap-sha1']
    if auth ~= box.schema.user.password(cookie) then
        local read_only = box.cfg.read_only
        box.cfg({read_only = false})
        box.schema.user.grant(name, 'replication', nil, nil,
            {if_not_exists = true})
        box.schema.user.passwd(name, cookie)
        box.cfg({read_only = read_only})
    end
end

local function boot_box(opts)
    -- An instance that is busy itself must not suspect others.
    local membership_options = require('membership.options')
    membership_options.SUSPICIOUSNESS = false
    local fibers = hotreload.snap_fibers()
    box.cfg(opts)
    hotreload.whitelist_fibers(hotreload.diff(fibers, hotreload.snap_fibers()))
    membership_options.SUSPICIOUSNESS = true
    admit_cluster()
    remote_control.stop()
    box.cfg({listen = vars.advertise_uri})
    remote_control.drop_connections()
    return true
end

local function boot_instance(clusterwide_config)
    local topology_cfg = clusterwide_config:get_readonly('topology')
    for _, server in pairs(topology_cfg.servers) do
        if server ~= 'expelled' then
            membership.add_member(server.uri)
        end
    end
    local opts = table.copy(vars.box_opts)
    opts.read_only = true
    opts.replication_connect_quorum = 0
    local ok, err
    if snapshot_exists() then
        set_state('RecoveringSnapshot')
    else
        set_state('BootstrappingBox')
        local more
        more, err = bootstrap_options(topology_cfg)
        for name, value in pairs(more or {}) do
            opts[name] = value
        end
    end
    if err == nil then
        ok, err = BoxError:pcall(boot_box, opts)
    end
    if not ok then
        set_state('BootError', err)
        return nil, err
    end
    vars.instance_uuid = box.info.uuid
    vars.replicaset_uuid = (box.info.replicaset or box.info.cluster).uuid
    membership.set_payload('uuid', box.info.uuid)
    vars.clusterwide_config = clusterwide_config
    set_state('ConnectingFullmesh')
    set_state('BoxConfigured')
    return apply_config(clusterwide_config)
end

local function init(opts)
    assert(vars.state == '', 'Unexpected state ' .. vars.state)
    vars.workdir = opts.workdir
    vars.box_opts = opts.box_opts
    vars.advertise_uri = opts.advertise_uri

    local path = fio.pathjoin(vars.workdir, 'config')
    if not fio.path.exists(path) then
        local host, port = opts.advertise_uri:match('^(.*):(%d+)$')
        if not remote_control.bind(host, tonumber(port),
            cluster_cookie.cookie()) then
            local err = StateError:new('Cannot listen at %s',
                opts.advertise_uri)
            set_state('InitError', err)
            return nil, err
        end
        set_state('Unconfigured')
        return true
    end
    set_state('ConfigFound')
    local conf, err = ClusterwideConfig.load(path)
    if conf ~= nil then
        vars.clusterwide_config = conf:lock()
        local ok
        ok, err = validate_config(conf)
        if ok then
            set_state('ConfigLoaded')
            fiber.new(boot_instance, conf)
            return true
        end
    end
    set_state('InitError', err)
    return true
end

local function from_active(method)
    return function(section)
        local conf = vars.clusterwide_config
        if conf == nil then
            return nil
        end
        return conf[method](conf, section)
    end
end

return {
    init = init,
    boot_instance = boot_instance,
    apply_config = apply_config,
    validate_config = validate_config,
    get_active_config = function() return vars.clusterwide_config end,
    get_readonly = from_active('get_readonly'),
    get_deepcopy = from_active('get_deepcopy'),
    set_state = set_state,
    wish_state = wish_state,
    get_state = function() return vars.state, vars.error end,
    get_workdir = function() return vars.workdir end,
    get_advertise_uri = function() return vars.advertise_uri end,
    get_instance_uuid = function() return vars.instance_uuid end,
    get_replicaset_uuid = function() return vars.replicaset_uuid end,
}
