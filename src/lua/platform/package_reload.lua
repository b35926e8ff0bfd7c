--- Facts on the rock `package.reload` of moonlibs, by which an application runs its
-- main script again: `package.reload()`.
--
-- The rock keeps its state in `package.reload`:
--   script       path of the file that has required it first, as it was given
--   count        number of the generation, from 1 on
--   O, F, C      what `register` was given, which a reload calls: object -> method,
--                set of functions, set of {function, argument, ...}
--   _reload      unloads modules and calls all that; called when the script
--                requires the rock again
--   loaded       the modules that were there before it
-- The module itself is taken out of `package.loaded` each time it was loaded, so
-- that the next `require` runs it.

local jutil = require('jit.util')

local M = {}

M.MODULE = 'package.reload'

-- Fields that are another table or value in each generation.
M.REGISTRIES = {'O', 'F', 'C'}

--- @treturn ?table `package.reload` of this application
function M.detect()
    local self = rawget(package, 'reload')
    if type(self) ~= 'table' or type(rawget(self, 'count')) ~= 'number' or type(rawget(self, 'script')) ~= 'string'
    or type(rawget(self, 'register')) ~= 'function' or type(rawget(self, '_reload')) ~= 'function' then
        return nil
    end
    for _, field in ipairs(M.REGISTRIES) do
        if type(rawget(self, field)) ~= 'table' then
            return nil
        end
    end
    return self
end

--- Whether a function of Lua looks at the number of the generation.
-- @tparam table self `package.reload`
-- @tparam function f
function M.watches(self, f)
    local names = {}
    for index = -1, -math.huge, -1 do
        local constant = jutil.funck(f, index)
        if constant == nil then
            break
        elseif type(constant) == 'string' then
            names[constant] = true
        end
    end
    if names.count and names.reload then
        return true
    end
    for index = 1, 255 do
        local name, value = debug.getupvalue(f, index)
        if name == nil then
            return false
        elseif rawequal(value, self) then
            return names.count or false
        end
    end
    return false
end

--- What a reload has to call to end a generation.
-- @tparam table registries O, F, C
-- @treturn {table,...} {f, arguments}: in an order that is not known, as in the rock
function M.destructors(registries)
    local list = {}
    for object, method in pairs(registries.O) do
        table.insert(list, {f = method, arguments = {object}})
    end
    for f in pairs(registries.F) do
        table.insert(list, {f = f, arguments = {}})
    end
    for call in pairs(registries.C) do
        table.insert(list, {f = call[1], arguments = {unpack(call, 2, table.maxn(call))}})
    end
    return list
end

return M
