-- Test stand-in for cartridge.lua-api.topology, written from its documented and
-- observed behaviour.

local errors = require('errors')
local membership = require('membership')

local confapplier = require('cartridge.confapplier')
local edit_topology = require('cartridge.lua-api.edit-topology').edit_topology
local get_topology = require('cartridge.lua-api.get-topology').get_topology

local ProbeServerError = errors.new_class('ProbeServerError')

-- Returns a function that lists a section, or only the entry with a uuid.
local function lister(section)
    return function(uuid)
        local entries, list = get_topology()[section], {}
        if uuid ~= nil then
            return {entries[uuid]}
        end
        for _, entry in pairs(entries) do
            table.insert(list, entry)
        end
        return list
    end
end

local function switcher(disabled)
    return function(uuids)
        local servers = {}
        for _, uuid in ipairs(uuids) do
            table.insert(servers, {uuid = uuid, disabled = disabled})
        end
        local edited, err = edit_topology({servers = servers})
        if edited == nil then
            return nil, err
        end
        return edited.servers
    end
end

return {
    get_self = function()
        local state, err = confapplier.get_state()
        local me = membership.myself()
        return {
            uri = me.uri,
            uuid = confapplier.get_instance_uuid(),
            alias = me.payload.alias,
            state = state,
            error = err and err.err,
        }
    end,
    get_topology = get_topology,
    get_servers = lister('servers'),
    get_replicasets = lister('replicasets'),
    edit_topology = edit_topology,
    enable_servers = switcher(false),
    disable_servers = switcher(true),
    probe_server = function(uri)
        local ok, err = membership.probe_uri(uri)
        if not ok then
            return nil, ProbeServerError:new('Probe %q failed: %s', uri, err)
        end
        return true
    end,
}
