-- Test stand-in for cartridge.rpc, written from its documented behaviour:
-- calls of a role's method; the only instance to call is this one.

local errors = require('errors')

local confapplier = require('cartridge.confapplier')
local registry = require('cartridge.service-registry')
local topology = require('cartridge.topology')
local twophase = require('cartridge.twophase')

local RemoteCallError = errors.new_class('RemoteCallError')

local M = {}

function M.call(role_name, method, args)
    local service = registry.get(role_name)
    if service == nil and twophase.wait_config_release()
        and confapplier.wish_state('RolesConfigured') == 'RolesConfigured' then
        service = registry.get(role_name)
    end
    if service == nil then
        return nil, RemoteCallError:new('No remotes with role %q available',
            role_name)
    elseif service[method] == nil then
        return nil, RemoteCallError:new('Role %q has no method %q', role_name,
            method)
    end
    args = args or {}
    return RemoteCallError:pcall(service[method],
        unpack(args, 1, table.maxn(args)))
end

function M.get_candidates(role_name)
    local uri = confapplier.get_advertise_uri()
    if registry.get(role_name) ~= nil
        and topology.member_is_healthy(uri, box.info.uuid) then
        return {uri}
    end
    return {}
end

return M
