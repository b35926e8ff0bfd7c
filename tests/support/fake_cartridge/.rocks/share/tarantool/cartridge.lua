-- Test stand-in for the rock "cartridge" 2.17, written from its documented and
-- observed behaviour.  It has what a small application needs, on one instance
-- or on several, and the inner shape that a hot reload meets: the variables of
-- cartridge.vars under the same names, the same states, the same order.

local console = require('console')
local fio = require('fio')
local log = require('log')
local uri_tools = require('uri')

local errors = require('errors')
local http = require('http.server')
local membership = require('membership')

local cluster_cookie = require('cartridge.cluster-cookie')
local confapplier = require('cartridge.confapplier')
local hotreload = require('cartridge.hotreload')
local lua_api_failover = require('cartridge.lua-api.failover')
local lua_api_topology = require('cartridge.lua-api.topology')
local membership_options = require('membership.options')
local registry = require('cartridge.service-registry')
local roles = require('cartridge.roles')
local rpc = require('cartridge.rpc')
local topology = require('cartridge.topology')
local twophase = require('cartridge.twophase')
local webui = require('cartridge.webui')

local VERSION = require('cartridge.VERSION')
local CartridgeCfgError = errors.new_class('CartridgeCfgError')
local ConsoleListenError = errors.new_class('ConsoleListenError')
local HttpInitError = errors.new_class('HttpInitError')

-- Options that TARANTOOL_<NAME> in the environment overrides.
local FROM_ENVIRONMENT = {
    alias = 'string', workdir = 'string', advertise_uri = 'string',
    http_host = 'string', http_port = 'number', console_sock = 'string',
    cluster_cookie = 'string', swim_broadcast = 'boolean',
}

local given_options

-- The options of membership that are used here.
local SWIM = {
    PROTOCOL_PERIOD_SECONDS = 'TARANTOOL_SWIM_PROTOCOL_PERIOD_SECONDS',
    SUSPECT_TIMEOUT_SECONDS = 'TARANTOOL_SWIM_SUSPECT_TIMEOUT_SECONDS',
}

local function read_environment(opts)
    for option, name in pairs(SWIM) do
        membership_options[option] = tonumber(os.getenv(name))
            or membership_options[option]
    end
    for name, kind in pairs(FROM_ENVIRONMENT) do
        local value = os.getenv('TARANTOOL_' .. name:upper())
        if value ~= nil and kind == 'number' then
            value = tonumber(value)
        elseif value ~= nil and kind == 'boolean' then
            value = value == 'true'
        end
        if value ~= nil then
            opts[name] = value
        end
    end
end

local function start_http(opts)
    local httpd = http.new(opts.http_host or '0.0.0.0', opts.http_port or 8081,
        {log_requests = false})
    local ok, err = HttpInitError:pcall(httpd.start, httpd)
    if not ok then
        return nil, err
    end
    webui.init(httpd)
    registry.set('httpd', httpd)
    return true
end

local function start_console(path)
    local ok, err = pcall(console.listen, 'unix/:' .. path)
    if not ok then
        return nil, ConsoleListenError:new('unix/:%s: %s', path, err)
    end
    return true
end

local function cfg(opts, box_opts)
    read_environment(opts)
    box_opts = table.copy(box_opts or {})
    if confapplier.get_state() ~= '' then
        return nil, CartridgeCfgError:new('Cluster is already initialized')
    end
    opts.workdir = fio.abspath(opts.workdir or '.')
    fio.mktree(opts.workdir)
    for _, dir in ipairs({'memtx_dir', 'vinyl_dir', 'wal_dir'}) do
        box_opts[dir] = box_opts[dir] or opts.workdir
    end
    local advertise = uri_tools.parse(opts.advertise_uri or 'localhost:3301')
    local advertise_uri = ('%s:%s'):format(advertise.host or 'localhost',
        advertise.service or 3301)
    cluster_cookie.set_cookie(opts.cluster_cookie or 'secret-cluster-cookie')
    local ok, err = CartridgeCfgError:pcall(membership.init,
        advertise.host or 'localhost', tonumber(advertise.service or 3301))
    if not ok then
        return nil, err
    end
    membership.set_encryption_key(cluster_cookie.cookie())
    membership.set_payload('alias', opts.alias)

    if opts.http_enabled ~= false then
        ok, err = start_http(opts)
        if not ok then
            return nil, err
        end
    end
    if opts.console_sock ~= nil then
        ok, err = start_console(opts.console_sock)
        if not ok then
            return nil, err
        end
    end
    if opts.roles_reload_allowed then
        hotreload.save_state()
    end
    ok, err = roles.cfg(opts.roles)
    if not ok then
        return nil, err
    end
    ok, err = confapplier.init({
        workdir = opts.workdir,
        box_opts = box_opts,
        advertise_uri = advertise_uri,
    })
    if not ok then
        return nil, err
    end
    given_options = opts
    if box.ctl.on_shutdown ~= nil then
        box.ctl.on_shutdown(function()
            pcall(roles.stop)
            pcall(membership.leave)
        end)
    end
    log.info('Cartridge stand-in %s configured', VERSION)
    return true
end

return {
    VERSION = VERSION,
    _VERSION = VERSION,
    cfg = cfg,
    get_opts = function() return table.deepcopy(given_options) end,
    reload_roles = roles.reload,
    is_healthy = topology.cluster_is_healthy,
    admin_edit_topology = lua_api_topology.edit_topology,
    admin_get_topology = lua_api_topology.get_topology,
    admin_get_servers = lua_api_topology.get_servers,
    admin_get_replicasets = lua_api_topology.get_replicasets,
    admin_probe_server = lua_api_topology.probe_server,
    admin_enable_servers = lua_api_topology.enable_servers,
    admin_disable_servers = lua_api_topology.disable_servers,
    failover_get_params = lua_api_failover.get_params,
    failover_set_params = lua_api_failover.set_params,
    config_get_readonly = confapplier.get_readonly,
    config_get_deepcopy = confapplier.get_deepcopy,
    config_patch_clusterwide = twophase.patch_clusterwide,
    service_get = registry.get,
    service_set = registry.set,
    rpc_call = rpc.call,
    rpc_get_candidates = rpc.get_candidates,
    http_authorize_request = function() return true end,
    http_render_response = function(response) return response end,
    http_get_username = function() return nil end,
}
