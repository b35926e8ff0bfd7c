-- Test stand-in for cartridge.topology, written from its documented and observed
-- behaviour: queries of the section "topology" of a config, and of the health of
-- the instances in it.

local errors = require('errors')
local membership = require('membership')

local TopologyError = errors.new_class('Invalid cluster topology config')

local M = {}

function M.expelled(_, server)
    return server == 'expelled'
end

function M.not_expelled(_, server)
    return server ~= 'expelled'
end

function M.disabled(_, server)
    return server == 'expelled' or server.disabled == true
end

function M.not_disabled(uuid, server)
    return not M.disabled(uuid, server)
end

function M.electable(_, server)
    return server == nil or server.electable ~= false
end

function M.not_electable(uuid, server)
    return not M.electable(uuid, server)
end

function M.find_server_by_uri(topology_cfg, uri)
    for uuid, server in pairs(topology_cfg.servers or {}) do
        if server ~= 'expelled' and server.uri == uri then
            return uuid
        end
    end
    return nil
end

-- Returns the instances of a replica set in the order in which they become leader:
-- those in `new_order`, those in the config's "master", and the others by uuid.
function M.get_leaders_order(topology_cfg, replicaset_uuid, new_order, opts)
    local replicaset = topology_cfg.replicasets[replicaset_uuid]
    if replicaset == nil then
        error('Inconsistent topology and uuid args provided')
    end
    local servers, order, seen = topology_cfg.servers, {}, {}
    local function add(uuid)
        local server = servers[uuid]
        local fits = not (opts and opts.only_enabled)
            or server ~= nil and not M.disabled(uuid, server)
        if fits and M.electable(uuid, server) and not seen[uuid] then
            seen[uuid] = true
            table.insert(order, uuid)
        end
    end
    for _, uuid in ipairs(new_order or {}) do
        seen[uuid] = true
        table.insert(order, uuid)
    end
    local masters = replicaset.master
    for _, uuid in ipairs(type(masters) == 'table' and masters or {masters}) do
        add(uuid)
    end
    local rest = {}
    for uuid, server in pairs(servers) do
        if server ~= 'expelled'
            and server.replicaset_uuid == replicaset_uuid then
            table.insert(rest, uuid)
        end
    end
    table.sort(rest)
    for _, uuid in ipairs(rest) do
        add(uuid)
    end
    return order
end

-- In a config, the failover is missing, a boolean or a table.
function M.get_failover_params(topology_cfg)
    local given = topology_cfg and topology_cfg.failover
    local params = type(given) == 'table' and table.copy(given)
        or {mode = given == true and 'eventual' or 'disabled'}
    params.mode = params.mode or 'disabled'
    params.failover_timeout = params.failover_timeout or 20
    return params
end

-- Returns the current address of each instance. It differs from that in the config
-- only if there is a member with its uuid at another one.
function M.refine_servers_uri(topology_cfg)
    local members, uris = membership.members(), {}
    local function is_there(member)
        return member ~= nil
            and (member.status == 'alive' or member.status == 'suspect')
    end
    for uuid, server in pairs(topology_cfg.servers) do
        if server ~= 'expelled' then
            uris[uuid] = server.uri
            if not is_there(members[server.uri]) then
                for uri, member in pairs(members) do
                    if member.payload.uuid == uuid and is_there(member) then
                        uris[uuid] = uri
                    end
                end
            end
        end
    end
    return uris
end

function M.probe_missing_members(servers)
    for uuid, server in pairs(servers) do
        if M.not_disabled(uuid, server)
            and membership.get_member(server.uri) == nil then
            membership.probe_uri(server.uri)
        end
    end
    return true
end

-- Returns the addresses from which an instance replicates, including its own.
function M.get_fullmesh_replication(topology_cfg, replicaset_uuid)
    local pool = require('cartridge.pool')
    local uris = {}
    for uuid, server in pairs(topology_cfg.servers) do
        if M.not_disabled(uuid, server)
            and server.replicaset_uuid == replicaset_uuid then
            table.insert(uris, pool.format_uri(server.uri))
        end
    end
    table.sort(uris)
    return uris
end

local function check(new)
    local uris = {}
    for uuid, server in pairs(new.servers) do
        if server ~= 'expelled' then
            TopologyError:assert(new.replicasets[server.replicaset_uuid],
                'servers[%s].replicaset_uuid is not configured in ' ..
                'replicasets table', uuid)
            TopologyError:assert(not uris[server.uri], 'servers[%s].uri %q ' ..
                'collision with another server', uuid, server.uri)
            uris[server.uri] = true
        end
    end
    local me = membership.myself()
    local mine = new.servers[me.payload.uuid]
    if me.payload.uuid ~= nil then
        TopologyError:assert(mine ~= nil,
            'Current instance %q is not listed in config', me.uri)
        TopologyError:assert(mine ~= 'expelled',
            'Current instance %q can not be expelled', me.uri)
        TopologyError:assert(not mine.disabled,
            'Current instance %q can not be disabled', me.uri)
    end
    local roles = require('cartridge.roles')
    for uuid, replicaset in pairs(new.replicasets) do
        for role in pairs(replicaset.roles) do
            TopologyError:assert(roles.get_role(role), 'replicasets[%s] can ' ..
                'not enable unknown role %q', uuid, role)
        end
    end
    return true
end

function M.validate(topology_new)
    return TopologyError:pcall(check, topology_new)
end

local GOOD = {ConfiguringRoles = true, RolesConfigured = true}

-- A suspected member still counts as healthy.
function M.member_is_healthy(uri, uuid)
    local member = membership.get_member(uri) or {}
    local payload = member.payload
    if member.status ~= 'alive' and member.status ~= 'suspect' then
        return nil, ('%s status is %s'):format(uri, member.status)
    elseif payload.uuid ~= uuid then
        return nil, ('%s uuid mismatch: expected %s, have %s'):format(uri,
            uuid, payload.uuid)
    elseif payload.state_prev ~= nil and not GOOD[payload.state_prev] then
        return nil, ('%s previous state %s'):format(uri, payload.state_prev)
    elseif not GOOD[payload.state] then
        return nil, ('%s state %s'):format(uri, payload.state)
    end
    return true
end

function M.cluster_is_healthy()
    local confapplier = require('cartridge.confapplier')
    local state = confapplier.get_state()
    if state ~= 'RolesConfigured' then
        return nil, state
    end
    for uuid, server in pairs(confapplier.get_readonly('topology').servers) do
        if M.not_disabled(uuid, server) then
            local ok, reason = M.member_is_healthy(server.uri, uuid)
            if not ok then
                return nil, reason
            end
        end
    end
    return true
end

return M
