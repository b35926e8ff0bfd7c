-- Test stand-in for cartridge.pool, written from its documented behaviour:
-- connections to the instances of the cluster, kept by address.

local netbox = require('net.box')

local vars = require('cartridge.vars').new('cartridge.pool')

vars:new('connections', {})

return {
    connect = function(uri, opts)
        local conn = vars.connections[uri]
        if conn == nil or not conn:is_connected() then
            conn = netbox.connect(uri, opts)
            vars.connections[uri] = conn
        end
        return conn
    end,
}
