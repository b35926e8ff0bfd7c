--- Determines whether a table of an old module belongs to that module alone. Only
-- then can the table be replaced by its counterpart in the new module.

local require = ...
local catalog = require('code.catalog')
local generations = require('code.generations')

-- Maximum number of entries to examine in a table.
local ENTRIES = 1000
-- Maximum number of levels of base classes to examine.
local BASES = 10

local PrivateTables = {}
PrivateTables.__index = PrivateTables

--- Creates an object that checks which tables belong to their modules alone.
-- @tparam table stash see `core.stash`
-- @tparam table modules see `module_index`
-- @tparam table tables set of the tables of old modules
-- @tparam function counterpart_of (table) -> counterpart of a table in `tables`; nil
--   if there is none
local function new(stash, modules, tables, counterpart_of)
    return setmetatable({
        stash = stash,
        modules = modules,
        tables = tables,
        counterpart_of = counterpart_of,
    }, PrivateTables)
end

-- Kinds of modules for which `require` does not find a file, see `catalog.classify`.
local WITHOUT_FILE = {no_file = true, loader = true, gone = true}

--- Returns whether a name in `package.loaded` is only an alias for a module that was
-- loaded under another name.
local function is_alias(name, value)
    return type(name) ~= 'string' or WITHOUT_FILE[catalog.classify(name, value)] or false
end

--- Returns the tables that never belong to a replaced module, even if the module has
-- modified them: `_G`, values of modules that are not replaced, spaces, and tables
-- in `box`.
-- @treturn table set
local function others_of(self)
    if self.others == nil then
        local set, replaced = {[_G] = true}, {}
        for name in next, self.modules.replaced do
            local value = self.modules.old[name]
            if type(value) == 'table' then
                replaced[value] = true
            end
        end
        for name, value in next, package.loaded do
            if type(value) == 'table' and not self.modules:is_replaced(name)
                and not (replaced[value] and is_alias(name, value)) then
                set[value] = true
            end
        end
        for _, holder in ipairs({box, rawget(box, 'space') or {}}) do
            for _, value in next, holder do
                if type(value) == 'table' then
                    set[value] = true
                end
            end
        end
        self.others = set
    end
    return self.others
end

--- Returns the tables from which a table inherits: its `__index` and its metatable.
-- Includes only those that belong to old modules.
local function bases_of(self, object)
    local list = {}
    for _, base in ipairs({rawget(object, '__index') or false, debug.getmetatable(object) or false}) do
        if type(base) == 'table' and base ~= object and self.tables[base] ~= nil then
            table.insert(list, base)
        end
    end
    return list
end

--- Returns whether an old table is private: it belongs to its module alone, and can
-- therefore be replaced. The table must contain a stale function or inherit from a
-- private table, and must contain no function of other code. The value of a module is
-- private if it contains a stale function, or no function of other code. A function that
-- the table's counterpart contains under the same key, such as a method that a class
-- library has added to both, is not counted as a function of other code. The tables that
-- `others_of` returns are never private.
-- @tparam boolean is_module whether the table is the value of a module
-- @tparam number depth maximum number of levels of base classes to examine
local function is_private(self, object, counterpart, is_module, depth)
    if others_of(self)[object] or others_of(self)[counterpart] then
        return false
    end
    local count, has_stale, has_others = 0, false, false
    for key, value in next, object do
        count = count + 1
        if count > ENTRIES then
            return is_module
        elseif type(value) == 'function' then
            if generations.classify(self.stash, value) == 'stale' then
                has_stale = true
            else
                has_others = has_others or not rawequal(rawget(counterpart, key), value)
            end
        end
    end
    if is_module then
        return has_stale or not has_others
    end
    if has_others or has_stale or depth == 0 then
        return has_stale and not has_others
    end
    -- A class that contains neither stale functions nor functions of other code is
    -- private if one of its base classes is private.
    for _, base in ipairs(bases_of(self, object)) do
        local other = self.counterpart_of(base)
        if other and is_private(self, base, other, false, depth - 1) then
            return true
        end
    end
    return false
end

--- Returns whether an old table belongs to its module alone and can therefore be
-- replaced by its counterpart. Does not yield.
-- @tparam table object the old table
-- @tparam table counterpart
-- @tparam ?boolean is_module whether the table is the value of a module
function PrivateTables:has(object, counterpart, is_module)
    return is_private(self, object, counterpart, is_module, BASES)
end

return {new = new}
