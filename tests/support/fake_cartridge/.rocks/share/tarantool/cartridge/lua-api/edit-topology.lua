-- Test stand-in for cartridge.lua-api.edit-topology, written from its
-- documentation: joins instances, and changes their settings and those of their
-- replica sets in the config.

local uuid_lib = require('uuid')

local errors = require('errors')

local confapplier = require('cartridge.confapplier')
local roles = require('cartridge.roles')
local topology = require('cartridge.topology')
local twophase = require('cartridge.twophase')
local get_topology = require('cartridge.lua-api.get-topology').get_topology

local EditTopologyError = errors.new_class('Editing cluster topology failed')

local SERVER_FIELDS = {'uri', 'zone', 'labels', 'disabled', 'electable'}

-- Each of these functions raises an error if its parameters are wrong.

local function edit_server(conf, params)
    local server = conf.servers[params.uuid]
    EditTopologyError:assert(server ~= nil, 'Server %q not in config',
        params.uuid)
    EditTopologyError:assert(server ~= 'expelled', 'Server %q is expelled',
        params.uuid)
    for _, field in ipairs(SERVER_FIELDS) do
        if params[field] ~= nil then
            server[field] = params[field]
        end
    end
    if params.expelled == true then
        conf.servers[params.uuid] = 'expelled'
    end
end

local function join_server(conf, params, replicaset_uuid)
    params.uuid = params.uuid or uuid_lib.str()
    EditTopologyError:assert(conf.servers[params.uuid] == nil,
        'Server %q is already joined', params.uuid)
    local replicaset = conf.replicasets[replicaset_uuid]
    replicaset.master = topology.get_leaders_order(conf, replicaset_uuid)
    table.insert(replicaset.master, params.uuid)
    conf.servers[params.uuid] = {
        uri = params.uri,
        zone = params.zone,
        labels = params.labels,
        disabled = false,
        electable = true,
        replicaset_uuid = replicaset_uuid,
    }
end

local function edit_replicaset(conf, params)
    local uuid = params.uuid
    if conf.replicasets[uuid] == nil then
        EditTopologyError:assert(next(params.join_servers or {}) ~= nil,
            'Replicaset %q not in config', uuid)
        conf.replicasets[uuid] = {roles = {}, alias = 'unnamed', master = {},
            weight = 0}
    end
    local replicaset = conf.replicasets[uuid]
    for _, server in pairs(params.join_servers or {}) do
        join_server(conf, server, uuid)
    end
    if params.roles ~= nil then
        replicaset.roles = roles.get_enabled_roles(params.roles)
    end
    if params.failover_priority ~= nil then
        replicaset.master = topology.get_leaders_order(conf, uuid,
            params.failover_priority)
    end
    for _, field in ipairs({'alias', 'all_rw'}) do
        if params[field] ~= nil then
            replicaset[field] = params[field]
        end
    end
end

-- Removes expelled instances from the leaders, and empty replica sets.
local function tidy(conf)
    for uuid, replicaset in pairs(table.copy(conf.replicasets)) do
        local order, count = {}, 0
        for _, server_uuid in ipairs(topology.get_leaders_order(conf, uuid)) do
            if conf.servers[server_uuid] ~= 'expelled' then
                table.insert(order, server_uuid)
            end
        end
        for _, server in pairs(conf.servers) do
            if server ~= 'expelled' and server.replicaset_uuid == uuid then
                count = count + 1
            end
        end
        replicaset.master = order
        if count == 0 then
            conf.replicasets[uuid] = nil
        end
    end
end

local function edit_topology(args)
    args = table.deepcopy(args)
    local conf = confapplier.get_deepcopy('topology')
        or {replicasets = {}, servers = {}, failover = false}
    local servers, replicasets = args.servers or {}, args.replicasets or {}
    local _, err = EditTopologyError:pcall(function()
        for _, params in ipairs(servers) do
            edit_server(conf, params)
        end
        for _, params in ipairs(replicasets) do
            params.uuid = params.uuid or uuid_lib.str()
            edit_replicaset(conf, params)
        end
        tidy(conf)
    end)
    if err ~= nil then
        return nil, err
    end
    local ok
    ok, err = twophase.patch_clusterwide({topology = conf})
    if not ok then
        return nil, err
    end

    local now, edited = get_topology(), {servers = {}, replicasets = {}}
    for _, params in ipairs(servers) do
        table.insert(edited.servers, now.servers[params.uuid])
    end
    for _, params in ipairs(replicasets) do
        for _, server in pairs(params.join_servers or {}) do
            table.insert(edited.servers, now.servers[server.uuid])
        end
        table.insert(edited.replicasets, now.replicasets[params.uuid])
    end
    return edited
end

return {edit_topology = edit_topology}
