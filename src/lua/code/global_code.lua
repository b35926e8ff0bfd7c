--- Finds global variables whose value is a function of a module, or a table with such
-- functions. Modules that return no value often define such variables. A reload treats
-- their values like the values of modules: it patches references to the old value.

local require = ...
local yield = require('core.yield')

-- Maximum number of entries that are examined in one table.
local ENTRIES = 1000
-- Global variables that belong to Lua, Tarantool or this program.
local IGNORED = {__cartridge_reload = true, _G = true, box = true, module = true, package = true, require = true}

--- Searches the value of a global variable for old code.
-- @treturn ?string unit of the first old function; nil if there is none
-- @treturn boolean whether the value also contains functions of other code, or is too
--   large to be searched completely
local function examine(value, ownership)
    if type(value) == 'function' then
        return ownership:is_old(value) and ownership:old_unit_of(value) or nil, false
    end
    local unit, is_shared, left = nil, false, ENTRIES
    for _, field in next, value do
        left = left - 1
        if left == 0 then
            return unit, true
        elseif type(field) == 'function' then
            local own = ownership:is_old(field) and ownership:old_unit_of(field) or nil
            is_shared = is_shared or own == nil or unit ~= nil and own ~= unit
            unit = unit or own
        end
    end
    return unit, is_shared
end

--- Lists the global variables that hold functions of modules. Must be called before new
-- code runs. May yield.
-- @tparam table ownership see `ownership`
-- @treturn {table,...} {name, variable, path, value, is_shared}. `name` starts with
--   `global`, so that it differs from the names of modules. `is_shared` is true if
--   `value` is a table that may also contain functions of other code.
local function list(ownership)
    local modules, result = {}, {}
    for _, value in pairs(table.copy(package.loaded)) do
        if type(value) == 'table' then
            modules[value] = true
        end
    end
    for variable, value in pairs(table.copy(_G)) do
        yield.if_due()
        if type(variable) == 'string' and not IGNORED[variable]
            and (type(value) == 'function' or type(value) == 'table' and not modules[value]) then
            local unit, is_shared = examine(value, ownership)
            if unit ~= nil then
                table.insert(result, {
                    name = 'global ' .. variable,
                    variable = variable,
                    path = unit:sub(2),
                    value = value,
                    is_shared = is_shared,
                })
            end
        end
    end
    return result
end

return {list = list}
