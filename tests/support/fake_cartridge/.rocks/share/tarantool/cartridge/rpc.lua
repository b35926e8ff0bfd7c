-- Test stand-in for cartridge.rpc, written from its documented and observed
-- behaviour: calls a method of a role, on this instance or on another healthy one
-- on which the role is enabled.

local errors = require('errors')
local membership = require('membership')

local confapplier = require('cartridge.confapplier')
local failover = require('cartridge.failover')
local pool = require('cartridge.pool')
local registry = require('cartridge.service-registry')
local roles = require('cartridge.roles')
local topology = require('cartridge.topology')
local twophase = require('cartridge.twophase')

local RemoteCallError = errors.new_class('RemoteCallError')

local function call_local(role_name, method, args)
    local service = registry.get(role_name)
    if service == nil and twophase.wait_config_release()
        and confapplier.wish_state('RolesConfigured') == 'RolesConfigured' then
        service = registry.get(role_name)
    end
    if service == nil then
        return nil, RemoteCallError:new('Role %q unavailable', role_name)
    elseif service[method] == nil then
        return nil, RemoteCallError:new('Role %q has no method %q', role_name,
            method)
    end
    args = args or {}
    return RemoteCallError:pcall(service[method],
        unpack(args, 1, table.maxn(args)))
end

local function get_candidates(role_name, opts)
    opts = opts or {}
    local topology_cfg = confapplier.get_readonly('topology')
    local leaders, candidates = failover.get_active_leaders(), {}
    for uuid, server in pairs(topology_cfg and topology_cfg.servers or {}) do
        if topology.not_disabled(uuid, server) then
            local replicaset = topology_cfg.replicasets[server.replicaset_uuid]
            if roles.get_enabled_roles(replicaset.roles)[role_name]
                and (opts.healthy_only == false
                or topology.member_is_healthy(server.uri, uuid))
                and (not opts.leader_only
                or leaders[server.replicaset_uuid] == uuid) then
                table.insert(candidates, server.uri)
            end
        end
    end
    return candidates
end

local function call(role_name, method, args, opts)
    opts = opts or {}
    local uri, myself = opts.uri, membership.myself().uri
    local candidates = uri == nil and get_candidates(role_name, opts) or {}
    if uri == nil and #candidates == 0 then
        return nil, RemoteCallError:new('No remotes with role %q available',
            role_name)
    end
    if uri == nil and opts.prefer_local ~= false then
        for _, candidate in ipairs(candidates) do
            if candidate == myself then
                return call_local(role_name, method, args)
            end
        end
    end
    uri = uri or candidates[math.random(#candidates)]
    local conn, err = pool.connect(uri)
    if conn == nil then
        return nil, err
    end
    return errors.netbox_call(conn, '_G.__cluster_rpc_call_local',
        {role_name, method, args}, {timeout = opts.timeout})
end

rawset(_G, '__cluster_rpc_call_local', call_local)

return {
    call = call,
    get_candidates = get_candidates,
}
