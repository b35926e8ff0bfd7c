-- Test stand-in for cartridge.lua-api.get-topology, written from its documented
-- and observed behaviour: the topology together with what membership knows.

local membership = require('membership')

local confapplier = require('cartridge.confapplier')
local failover = require('cartridge.failover')
local roles = require('cartridge.roles')
local topology = require('cartridge.topology')

local FAILED = {InitError = true, BootError = true, OperationError = true}

-- Returns the status of an instance, and a message.
local function health_of(uuid, member)
    if member == nil or member.status == 'left' then
        return 'not found', 'Server uri is not in membership'
    end
    local payload = member.payload
    if payload.uuid ~= nil and payload.uuid ~= uuid then
        return 'not found', ('Alien uuid %q (%s)'):format(payload.uuid,
            member.status)
    elseif member.status ~= 'alive' then
        return 'unreachable', ('Server status is %q'):format(member.status)
    elseif payload.uuid == nil then
        return 'unconfigured', payload.state or ''
    elseif payload.state == 'ConfiguringRoles'
        or payload.state == 'RolesConfigured' then
        return 'healthy', ''
    elseif FAILED[payload.state] then
        return 'error', payload.state
    end
    return 'warning', payload.state or 'UnknownState'
end

local function describe_server(uuid, server, uri, member)
    local status, message = health_of(uuid, member)
    return {
        uri = uri,
        uuid = uuid,
        disabled = server.disabled == true,
        electable = topology.electable(uuid, server),
        zone = server.zone,
        labels = server.labels or {},
        alias = member and member.payload.alias,
        status = status,
        message = message,
        clock_delta = member and member.status == 'alive'
            and member.clock_delta and member.clock_delta * 1e-6 or nil,
    }
end

local function describe_replicaset(uuid, replicaset)
    local enabled, names = roles.get_enabled_roles(replicaset.roles), {}
    for _, name in ipairs(roles.get_known_roles()) do
        if enabled[name] then
            table.insert(names, name)
        end
    end
    local function nobody()
        return {uri = 'void', uuid = 'void', status = 'void', message = 'void'}
    end
    return {
        uuid = uuid,
        alias = replicaset.alias or 'unnamed',
        roles = names,
        status = 'healthy',
        all_rw = replicaset.all_rw or false,
        master = nobody(),
        active_master = nobody(),
        servers = {},
    }
end

-- Adds the members of a replica set, by priority.
local function join(out, topology_cfg, servers)
    local order = topology.get_leaders_order(topology_cfg, out.uuid)
    local active = failover.get_active_leaders()[out.uuid]
    for priority, uuid in ipairs(order) do
        local server = servers[uuid]
        if server ~= nil then
            server.replicaset = out
            server.priority = priority
            table.insert(out.servers, server)
            out.master = priority == 1 and server or out.master
            out.active_master = uuid == active and server or out.active_master
            if server.status ~= 'healthy' then
                out.status = 'unhealthy'
            end
        end
    end
    for _, server in pairs(servers) do
        if server.replicaset == nil
            and topology_cfg.servers[server.uuid].replicaset_uuid
            == out.uuid then
            server.replicaset = out
            table.insert(out.servers, server)
        end
    end
end

return {
    get_topology = function()
        local members = membership.members()
        local topology_cfg = confapplier.get_readonly('topology')
            or {servers = {}, replicasets = {}}
        local uris = topology.refine_servers_uri(topology_cfg)
        local out = {servers = {}, replicasets = {}}
        for uuid, server in pairs(topology_cfg.servers) do
            if server ~= 'expelled' then
                out.servers[uuid] = describe_server(uuid, server, uris[uuid],
                    members[uris[uuid]])
                members[uris[uuid]] = nil
            end
        end
        for uuid, replicaset in pairs(topology_cfg.replicasets) do
            out.replicasets[uuid] = describe_replicaset(uuid, replicaset)
            join(out.replicasets[uuid], topology_cfg, out.servers)
        end
        -- Instances that have not joined yet have numeric keys.
        for uri, member in pairs(members) do
            if member.status == 'alive' and member.payload.uuid == nil then
                table.insert(out.servers, {
                    uri = uri,
                    uuid = '',
                    status = 'unconfigured',
                    message = member.payload.state or '',
                    alias = member.payload.alias,
                })
            end
        end
        return out
    end,
}
