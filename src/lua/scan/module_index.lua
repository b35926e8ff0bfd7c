--- Index of the application's modules: their files, and their values before and after
-- the current reload.

local require = ...
local yield = require('core.yield')

local ModuleIndex = {}
ModuleIndex.__index = ModuleIndex

--- Creates the index. May yield.
-- @tparam table stash see `core.stash`
-- @tparam table change the current reload. Its fields `old`, `new`, `paths`,
--   `former` and `gone` are optional, and are described at the function `new` of
--   `scan.counterparts`.
-- @treturn table
--   old: module name -> old value
--   new: module name -> new value
--   paths: module name -> path of its file in the serving code
--   names: chunk name of a file -> sorted names of its modules
local function new(stash, change)
    local self = setmetatable({
        old = change.old or {},
        new = change.new or {},
        paths = {},
        names = {},
        replaced = {},  -- set of the modules that are replaced
    }, ModuleIndex)
    for name in pairs(change.new or change.old or {}) do
        self.replaced[name] = change.new ~= nil or stash.names[name] ~= nil or nil
    end
    for _, paths in ipairs({
        change.former or {}, change.gone or {}, stash.names, change.paths or {},
    }) do
        for name, path in pairs(table.copy(paths)) do
            yield.if_due()
            -- A file that is required under several names belongs to several
            -- modules.
            local names = self.names['@' .. path] or {}
            self.names['@' .. path] = names
            if self.paths[name] ~= path then
                table.insert(names, name)
            end
            self.paths[name] = path
        end
    end
    for _, names in pairs(self.names) do
        yield.if_due()
        table.sort(names)
    end
    for name in pairs(change.gone or {}) do
        self.paths[name] = nil
    end
    return self
end

--- Returns the new value of a module. If the reload does not replace the module, this
-- is its value in `package.loaded`.
-- @tparam string module
function ModuleIndex:value_of(module)
    local value = self.new[module]
    if value == nil then
        value = package.loaded[module]
    end
    return value
end

--- Returns the value that a module had before the current reload.
-- @tparam string module
function ModuleIndex:old_value(module)
    return self.old[module]
end

--- Returns whether the value of a module differs from its value before the reload.
-- Returns false if the old value is neither a table nor a function.
-- @tparam string module
function ModuleIndex:is_changed(module)
    local kind = type(self.old[module])
    return (kind == 'table' or kind == 'function') and not rawequal(self.old[module], self:value_of(module))
end

--- Returns whether the current reload replaces a module.
-- @tparam string module
function ModuleIndex:is_replaced(module)
    return self.replaced[module] ~= nil
end

--- Returns whether a table is the current value of an application module, or
-- `package.loaded` itself.
-- @tparam table object
function ModuleIndex:is_value(object)
    if self.values == nil then
        self.values = {[package.loaded] = true}
        for name in pairs(self.paths) do
            local value = self:value_of(name)
            if type(value) == 'table' then
                self.values[value] = true
            end
        end
    end
    return self.values[object] or false
end

--- Returns whether a file belongs to a module, or belonged to it in an earlier
-- generation.
-- @tparam string module
-- @tparam string source chunk name of the file
function ModuleIndex:has_file(module, source)
    for _, name in ipairs(self.names[source] or {}) do
        if name == module then
            return true
        end
    end
    return false
end

--- Returns whether two units belong to the same module. A unit is a module file with
-- the files that it runs. If the file of a module has moved, the module has one unit
-- for the old path and one for the new path.
-- @tparam string source unit
-- @tparam string other unit
function ModuleIndex:is_same(source, other)
    for _, module in ipairs(self.names[source] or {}) do
        for _, other_module in ipairs(self.names[other] or {}) do
            if module == other_module then
                return true
            end
        end
    end
    return source == other
end

return {new = new}
