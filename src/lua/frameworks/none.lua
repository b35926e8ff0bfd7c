--- The framework of an application that has no roles.

local require = ...
local environment = require('core.environment')

local None = {name = 'none', has_roles = false, servers = {}, methods = {}}
None.__index = None

local EMPTY = {by_number = {}, by_role_name = {}, by_module_name = {}}

local function detect()
    return setmetatable({}, None)
end

function None.is_understood()
    return true
end

function None.refusal()
    return nil
end

function None.status()
    return {}
end

function None.alias()
    return environment.get('TARANTOOL_INSTANCE_NAME')
end

function None.stage()
end

function None.role_modules()
    return {}
end

function None.register()
    return EMPTY, EMPTY
end

function None.check_removed()
end

function None.config()
    return nil
end

function None.is_master()
    return nil
end

function None.enabled()
    return {}
end

function None.retire()
end

function None.settle()
end

return {detect = detect}
