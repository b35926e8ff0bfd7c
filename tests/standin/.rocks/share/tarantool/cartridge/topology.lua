-- Test stand-in for cartridge.topology, written from its documented
-- behaviour.  The cluster may name several instances; only this one is there.

local membership = require('membership')

local M = {}

function M.find_server_by_uri(topology_cfg, uri)
    for uuid, server in pairs(topology_cfg.servers or {}) do
        if server ~= 'expelled' and server.uri == uri then
            return uuid
        end
    end
    return nil
end

-- The order of a replicaset's instances in which leaders are taken.
function M.get_leaders_order(topology_cfg, replicaset_uuid)
    local order, seen = {}, {}
    local replicaset = topology_cfg.replicasets[replicaset_uuid]
    local masters = replicaset and replicaset.master or {}
    if type(masters) == 'string' then
        masters = {masters}
    end
    for _, uuid in ipairs(masters) do
        seen[uuid] = true
        table.insert(order, uuid)
    end
    local rest = {}
    for uuid, server in pairs(topology_cfg.servers) do
        if server ~= 'expelled' and not seen[uuid]
            and server.replicaset_uuid == replicaset_uuid then
            table.insert(rest, uuid)
        end
    end
    table.sort(rest)
    for _, uuid in ipairs(rest) do
        table.insert(order, uuid)
    end
    return order
end

local GOOD = {ConfiguringRoles = true, RolesConfigured = true}

function M.member_is_healthy(uri, uuid)
    local member = membership.get_member(uri)
    if member == nil or member.status ~= 'alive' then
        return nil, ('%s status is %s'):format(uri, member and member.status)
    elseif member.payload.uuid ~= uuid then
        return nil, ('%s uuid mismatch'):format(uri)
    elseif not GOOD[member.payload.state_prev] then
        return nil, ('%s previous state %s'):format(uri,
            member.payload.state_prev)
    elseif not GOOD[member.payload.state] then
        return nil, ('%s state %s'):format(uri, member.payload.state)
    end
    return true
end

function M.cluster_is_healthy()
    local confapplier = require('cartridge.confapplier')
    local state, err = confapplier.get_state()
    if state ~= 'RolesConfigured' then
        return nil, state, err
    end
    for uuid, server in pairs(confapplier.get_readonly('topology').servers) do
        if server ~= 'expelled' and not server.disabled then
            local ok, reason = M.member_is_healthy(server.uri, uuid)
            if not ok then
                return nil, reason
            end
        end
    end
    return true
end

return M
