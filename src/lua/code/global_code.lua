--- Global variables that hold the code of modules: a function or a table of
-- functions, as in modules that return nothing. Such a variable is treated like
-- the value of a module: code that has kept the old value gets the new one.

local require = ...
local slice = require('core.yield')

-- How many entries of a table are examined.
local ENTRIES = 1000
-- Globals of Lua and of this program.
local IGNORED = {__cartridge_reload = true, _G = true, box = true, module = true, package = true, require = true}

--- Searches a value for old code.
-- @treturn ?string its unit
-- @treturn boolean whether the value may have been made by others, or has code of
--   others too
local function examine(value, origin)
    if type(value) == 'function' then
        return origin:is_old(value) and origin:old_unit_of(value) or nil, false
    end
    local unit, is_shared, left = nil, false, ENTRIES
    for _, field in next, value do
        left = left - 1
        if left == 0 then
            return unit, true
        elseif type(field) == 'function' then
            local own = origin:is_old(field) and origin:old_unit_of(field) or nil
            is_shared = is_shared or own == nil or unit ~= nil and own ~= unit
            unit = unit or own
        end
    end
    return unit, is_shared
end

--- Lists them. No new code has run yet. May yield.
-- @tparam table origin see there
-- @treturn {table,...} {name, variable, path, value, is_shared}; `name` is no name of
--   a module; `is_shared`: others have put code into the table too
local function list(origin)
    local modules, result = {}, {}
    for _, value in pairs(table.copy(package.loaded)) do
        if type(value) == 'table' then
            modules[value] = true
        end
    end
    for variable, value in pairs(table.copy(_G)) do
        slice.pause()
        if type(variable) == 'string' and not IGNORED[variable]
            and (type(value) == 'function' or type(value) == 'table' and not modules[value]) then
            local unit, is_shared = examine(value, origin)
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
