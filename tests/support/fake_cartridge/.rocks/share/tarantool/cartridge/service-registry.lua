-- Test stand-in for cartridge.service-registry, written from its documented
-- behaviour: maps names of running services (role names, "httpd") to their tables.

local vars = require('cartridge.vars').new('cartridge.service-registry')
vars:new('registry', {})

local M = {}

function M.set(name, instance)
    assert(type(name) == 'string', 'service name expected')
    vars.registry[name] = instance
end

function M.get(name)
    return vars.registry[name]
end

function M.list()
    return vars.registry
end

return M
