--- Reads the state of the `package.reload` rock by moonlibs. The rock's function
-- `package.reload()` runs an application's main script again.
--
-- The rock keeps its state in the `package.reload` table:
--   script       path of the first file that required the rock, not normalised
--   count        generation number, starting at 1
--   O, F, C      what the next `package.reload()` must call: object -> method, set of
--                functions, set of {function, argument, ...}
--   _reload      function that unloads modules and calls what was registered; runs
--                when the script requires the rock again
--   loaded       modules that were loaded before the rock
-- The rock removes itself from `package.loaded` after each load, so that the next
-- `require` runs it again.

local jutil = require('jit.util')

local M = {}

M.MODULE = 'package.reload'

-- Fields of `package.reload` that the rock replaces in each generation.
M.REGISTRIES = {'O', 'F', 'C'}

--- Returns the rock's `package.reload` table.
-- @treturn ?table nil if the application does not use the rock
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

--- Returns whether a Lua function seems to read the generation number,
-- `package.reload.count`.
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

--- Returns the calls that code has registered for the next `package.reload()`.
-- @tparam table registries with the fields O, F and C
-- @treturn {table,...} {f, arguments}, in no particular order: the rock defines none
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
