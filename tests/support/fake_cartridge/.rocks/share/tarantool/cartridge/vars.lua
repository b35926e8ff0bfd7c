-- Test stand-in for cartridge.vars, written from its documented and observed
-- behaviour: variables that outlive a reload of the module that owns them,
-- kept in two globals, _cluster_vars_defaults and _cluster_vars_values.

local DEFAULTS, VALUES = '_cluster_vars_defaults', '_cluster_vars_values'
for _, name in ipairs({DEFAULTS, VALUES}) do
    if rawget(_G, name) == nil then
        rawset(_G, name, {})
    end
end

local function section(root, module_name)
    local all = rawget(_G, root)
    if all[module_name] == nil then
        all[module_name] = {}
    end
    return all[module_name]
end

-- Declaring a variable again changes its default, but never its value.
local function declare(self, name, default)
    section(DEFAULTS, rawget(self, 'module_name'))[name] = default
end

local methods = {__type = 'vars'}

function methods.__newindex(self, name, value)
    section(VALUES, rawget(self, 'module_name'))[name] = value
end

function methods.__index(self, name)
    local module_name = rawget(self, 'module_name')
    local values = section(VALUES, module_name)
    if values[name] == nil then
        local default = section(DEFAULTS, module_name)[name]
        if type(default) == 'table' then
            default = table.deepcopy(default)
        end
        values[name] = default
    end
    return values[name]
end

return {
    new = function(module_name)
        assert(type(module_name) == 'string', 'module name expected')
        local self = {module_name = module_name, new = declare}
        return setmetatable(self, methods)
    end,
}
