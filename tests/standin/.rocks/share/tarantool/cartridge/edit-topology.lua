-- Test stand-in for cartridge.admin_edit_topology, written from its
-- documentation: enough of it to bootstrap a cluster of one, to choose its
-- roles, and to name instances that are not there.

local uuid_lib = require('uuid')

local errors = require('errors')

local confapplier = require('cartridge.confapplier')
local roles = require('cartridge.roles')
local topology = require('cartridge.topology')
local twophase = require('cartridge.twophase')

local EditTopologyError = errors.new_class('Editing cluster topology failed')

local function edit_replicaset(conf, params)
    local uuid = params.uuid or uuid_lib.str()
    local replicaset = conf.replicasets[uuid]
    if replicaset == nil then
        if next(params.join_servers or {}) == nil then
            return nil, EditTopologyError:new('Replicaset %q not in config',
                uuid)
        end
        replicaset = {roles = {}, alias = 'unnamed', master = {}, weight = 0}
        conf.replicasets[uuid] = replicaset
    end
    for _, server in pairs(params.join_servers or {}) do
        local server_uuid = server.uuid or uuid_lib.str()
        if conf.servers[server_uuid] ~= nil then
            return nil, EditTopologyError:new('Server %q is already joined',
                server_uuid)
        end
        conf.servers[server_uuid] = {
            uri = server.uri,
            disabled = false,
            electable = true,
            replicaset_uuid = uuid,
        }
        table.insert(replicaset.master, server_uuid)
    end
    if params.roles ~= nil then
        replicaset.roles = roles.get_enabled_roles(params.roles)
    end
    if params.failover_priority ~= nil then
        replicaset.master = params.failover_priority
        replicaset.master = topology.get_leaders_order(conf, uuid)
    end
    if params.alias ~= nil then
        replicaset.alias = params.alias
    end
    if params.all_rw ~= nil then
        replicaset.all_rw = params.all_rw
    end
    return uuid
end

return function(args)
    local conf = confapplier.get_deepcopy('topology')
        or {replicasets = {}, servers = {}, failover = false}
    for _, params in ipairs(args.servers or {}) do
        local server = conf.servers[params.uuid]
        if type(server) ~= 'table' then
            return nil, EditTopologyError:new('Server %q not in config',
                params.uuid)
        end
        if params.disabled ~= nil then
            server.disabled = params.disabled
        end
        if params.expelled then
            conf.servers[params.uuid] = 'expelled'
        end
    end
    local edited = {}
    for _, params in ipairs(args.replicasets or {}) do
        local uuid, err = edit_replicaset(conf, params)
        if uuid == nil then
            return nil, err
        end
        table.insert(edited, uuid)
    end
    local ok, err = twophase.patch_clusterwide({topology = conf})
    if not ok then
        return nil, err
    end
    local ret = {replicasets = {}, servers = {}}
    for _, uuid in ipairs(edited) do
        table.insert(ret.replicasets, {uuid = uuid})
    end
    return ret
end
