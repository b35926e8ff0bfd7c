--- Finds counterparts: the functions and tables of the serving generation that
-- correspond to those of older generations. `match` compares the old and the new
-- version of each module. An old function has exactly one counterpart, or none.
--
-- The names and paths of old functions are recorded right after the commit, and
-- kept as long as the functions exist. So a later scan can name and patch a
-- function that an earlier scan has missed.

local require = ...
local catalog = require('code.catalog')
local generations = require('code.generations')
local matching = require('scan.match')
local yield = require('core.yield')

-- Maximum number of entries that are examined in a table, to determine whether it
-- is a class, or whether it belongs to its module alone.
local ENTRIES = 1000
-- Maximum number of levels of base classes that are examined.
local BASES = 10

local Counterparts = {}
Counterparts.__index = Counterparts

--- Returns the unit of a function, see `ownership`.
local function unit_of(ownership, stash, f)
    return ownership ~= nil and ownership:unit_of(f) or generations.unit_of(stash, f)
end

--- Lists the functions and tables of the modules that are about to be replaced.
-- Must be called before new code runs. May yield.
-- @tparam table stash see `core.stash`
-- @tparam table ownership see `ownership`
-- @tparam table old module name -> value
-- @tparam {table,...} paths tables, each of module name -> path of a file of the
--   module
-- @treturn table to be passed to `new` as `things`
local function list_old(stash, ownership, old, paths)
    local foreign, listed = {[_G] = true}, {}
    for _, value in pairs(table.copy(package.loaded)) do
        yield.if_due()
        if type(value) == 'table' or type(value) == 'function' then
            foreign[value] = true
        end
    end
    for _, path_of in ipairs(paths) do
        for module, path in pairs(path_of) do
            yield.if_due()
            local source = '@' .. path
            listed[module .. source] = matching.list({
                old = old[module],
                source = source,
                unit_of = function(f)
                    return unit_of(ownership, stash, f)
                end,
                foreign = foreign,
                pause = yield.if_due,
            })
        end
    end
    return listed
end

--- Creates the finder of counterparts. May yield.
-- @tparam table stash see `core.stash`
-- @tparam ?table change the current reload, before or after its commit; nil if no reload
--   is running
--   ownership: see `ownership`
--   old: module name -> old value, of all loaded modules
--   new: module name -> new value, of the replaced modules
--   paths: module name -> path, of the replaced modules
--   former: module name -> previous path, of replaced modules whose file has moved
--   gone: module name -> path, of modules whose file no longer exists
--   things: optional: result of `list`
--   shared: optional: set of names of modules whose values may also have functions of
--     other code
local function new(stash, change)
    change = change or {}
    local self = setmetatable({
        stash = stash,
        tables = stash.tables or {},     -- nil in the layout of another version
        strangers = stash.strangers or {},
        ownership = change.ownership,
        old = change.old or {},
        new = change.new or {},
        listed = change.things or {},
        shared = change.shared or {},
        paths = {},         -- module name -> path, of the serving code
        modules = {},       -- source -> sorted names of its modules
        matched = {},       -- module name and source -> matching
        foreign = {[_G] = true},
        new_names = {},     -- set of the modules that are replaced
    }, Counterparts)
    for name in pairs(change.new or change.old or {}) do
        self.new_names[name] = change.new ~= nil or stash.names[name] ~= nil or nil
    end
    for _, paths in ipairs({
        change.former or {}, change.gone or {}, stash.names, change.paths or {},
    }) do
        for name, path in pairs(table.copy(paths)) do
            yield.if_due()
            -- If a file is required under several names, it belongs to several
            -- modules.
            local names = self.modules['@' .. path] or {}
            self.modules['@' .. path] = names
            if self.paths[name] ~= path then
                table.insert(names, name)
            end
            self.paths[name] = path
        end
    end
    for _, names in pairs(self.modules) do
        yield.if_due()
        table.sort(names)
    end
    for name in pairs(change.gone or {}) do
        self.paths[name] = nil
    end
    -- Modules may be loaded while this loop yields, so walk a copy.
    for _, values in ipairs({table.copy(package.loaded), self.old, self.new}) do
        for _, value in pairs(values) do
            yield.if_due()
            if type(value) == 'table' or type(value) == 'function' then
                self.foreign[value] = true
            end
        end
    end
    return self
end

--- Returns the unit of a function, see `ownership`.
function Counterparts:unit_of(f)
    return unit_of(self.ownership, self.stash, f)
end

--- Whether a function belongs to the serving generation or, before the commit, to
-- the new one.
local function is_current(self, f)
    return self.ownership ~= nil and self.ownership:is_new(f)
        or generations.classify(self.stash, f) == 'current'
end

--- Returns the new value of a module, or its current value if the reload does not
-- replace it.
local function value_of(self, module)
    local value = self.new[module]
    if value == nil then
        value = package.loaded[module]
    end
    return value
end

--- Matches the functions and tables of an old module with those of the new one,
-- for one of the files of the module. The first call must come before anything in
-- the old module is patched; later calls return the same result.
-- @tparam string module name of the module
-- @tparam string source chunk name of the file
-- @tparam ?function pause called repeatedly, and may yield; nil for a call that
--   must not yield
-- @treturn table the result of `match.new`
local function matching_of(self, module, source, pause)
    local key = module .. source
    if self.matched[key] == nil then
        self.matched[key] = matching.new({
            things = self.listed[key],
            old = self.old[module],
            new = value_of(self, module),
            source = source,
            unit_of = function(f)
                return self:unit_of(f)
            end,
            foreign = self.foreign,
            pause = pause,
        })
    end
    return self.matched[key]
end

--- Returns the records of stale functions from a file. The records outlive the
-- reload.
-- @tparam table stash see `core.stash`
-- @tparam string source unit of the functions
-- @treturn table function -> record of its name and path, see `match`; with weak
--   keys
local function known_of(stash, source)
    local known = stash.known[source]
    if known == nil then
        known = setmetatable({}, {__mode = 'k'})
        stash.known[source] = known
    end
    return known
end

--- Whether a table of old code may be a class: it has functions or metamethods.
-- Other tables are data.
local function has_code(object)
    local count = 0
    for key, value in next, object do
        count = count + 1
        if count > ENTRIES then
            return false
        elseif type(key) == 'string' and (type(value) == 'function' or key:sub(1, 2) == '__') then
            return true
        end
    end
    return false
end

--- Records the names and paths of the functions and tables of a replaced module,
-- for one of its files.
-- @tparam string module name of the module
-- @tparam string source chunk name of the file
local function remember_module(self, module, source)
    local known, tables = known_of(self.stash, source), self.tables
    local found = matching_of(self, module, source, yield.if_due)
    found:each(module, function(thing, entry, counterpart)
        yield.if_due()
        if rawequal(thing, counterpart) then
            return
        elseif type(thing) == 'function' then
            if self:unit_of(thing) == source then
                known[thing] = entry
            end
        elseif tables[thing] == nil and (entry.holder == nil or has_code(thing)) then
            entry.is_module = entry.holder == nil and self.new_names[module] and not self.shared[module] or nil
            tables[thing] = entry
        end
    end)
end

--- Whether the reload has replaced the value of a module.
local function is_changed(self, module)
    local kind = type(self.old[module])
    return (kind == 'table' or kind == 'function') and not rawequal(self.old[module], value_of(self, module))
end

--- Calls `visit` with each module that the reload replaces, once for each of its
-- files. May yield.
-- @tparam function visit (module, source), with the name of the module and the
--   chunk name of the file
local function each_changed(self, visit)
    for source, modules in pairs(self.modules) do
        for _, module in ipairs(modules) do
            if self.listed[module .. source] ~= nil or is_changed(self, module) then
                visit(module, source)
                yield.if_due()
            end
        end
    end
end

--- Records which counterparts of old tables existed before the new code ran. New
-- code has obtained them from other code, such as a library, so they do not
-- replace the old tables. May yield.
-- @tparam function was_there (table) -> whether the table existed before the new
--   code ran
function Counterparts:find_strangers(was_there)
    each_changed(self, function(module, source)
        matching_of(self, module, source, yield.if_due):each(module, function(thing, _, counterpart)
            yield.if_due()
            if type(thing) == 'table' and type(counterpart) == 'table' and was_there(counterpart) then
                self.strangers[counterpart] = true
            end
        end)
    end)
end

--- Records the names and paths of all functions and tables that the reload has
-- replaced, so that later scans can name and patch them. Yields.
function Counterparts:remember()
    each_changed(self, function(module, source)
        remember_module(self, module, source)
    end)
    self.matched, self.is_remembered = {}, true
end

--- Returns the record of a stale function.
-- @tparam function f
-- @tparam string source unit of the function
-- @treturn ?table record, see `match`, with the name of its `module`
-- @treturn boolean whether the matching that made the record is still available
local function entry_of(self, f, source)
    for _, module in ipairs(self.is_remembered and {} or self.modules[source] or {}) do
        local entry = matching_of(self, module, source):find(f, module)
        if entry ~= nil then
            known_of(self.stash, source)[f] = entry
            return entry, true
        end
    end
    local known = self.stash.known[source]
    return known and known[f], false
end

--- Returns the name of a stale function within its module, such as `Class.run`.
-- @tparam function f
-- @tparam string source unit of the function
-- @treturn ?string nil if the function has no name
function Counterparts:name_of(f, source)
    local entry = entry_of(self, f, source)
    return entry and matching.name_of(entry)
end

--- Derives the name of a field, such as `Class.stop`, from the name of a stale
-- function in the same table, such as `Class.run`.
-- @tparam function f the stale function
-- @tparam string source unit of the function
-- @tparam string key key of the field
-- @treturn string
function Counterparts:name_beside(f, source, key)
    local name = self:name_of(f, source) or ''
    return name:gsub('[^.]*$', '') .. key
end

--- Returns the counterpart of a stale function. Does not yield.
-- @tparam function f
-- @tparam string source unit of the function
-- @treturn[1] function the counterpart
-- @treturn[2] nil
-- @treturn[2] string why there is none
function Counterparts:find(f, source)
    local entry, is_matched = entry_of(self, f, source)
    local module = entry and self.paths[entry.module] and entry.module or (self.modules[source] or {})[1]
    if module == nil then
        return nil, 'no loaded module has this file'
    elseif self.paths[module] == nil then
        return nil, 'the file of its module no longer exists'
    end
    local counterpart, why
    if entry == nil or is_matched then
        counterpart, why = matching_of(self, module, source):counterpart(f)
    elseif entry.why ~= nil then
        return nil, entry.why
    else
        counterpart, why = matching.retrace(f, entry, value_of(self, module))
    end
    if counterpart == nil then
        return nil, why
    elseif self:unit_of(counterpart) ~= '@' .. self.paths[module] then
        return nil, ('%s moved to another file in the new code'):format(matching.name_of(entry))
    elseif not is_current(self, counterpart) then
        return nil, 'the new code uses the old function, too'
    end
    return counterpart
end

-- Kinds of modules for which `require` finds no file, see `catalog`.
local WITHOUT_FILE = {no_file = true, loader = true, gone = true}

--- Whether a name in `package.loaded` is only an alias: the application has stored
-- a module there that was loaded under another name.
local function is_alias(name, value)
    return type(name) ~= 'string' or WITHOUT_FILE[catalog.classify(name, value)] or false
end

--- Returns the tables that do not belong to the replaced modules, even if the
-- modules have modified them: the values of modules that were not replaced, spaces,
-- and the contents of `box`.
-- @treturn table set
local function others_of(self)
    if self.others == nil then
        local set, replaced = {[_G] = true}, {}
        for name in next, self.new_names do
            local value = self.old[name]
            if type(value) == 'table' then
                replaced[value] = true
            end
        end
        for name, value in next, package.loaded do
            if type(value) == 'table' and not self:is_replaced(name)
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

--- Returns the tables of old modules from which a table inherits. Candidates are
-- its `__index` and its metatable.
local function bases_of(self, object)
    local list = {}
    for _, base in ipairs({rawget(object, '__index') or false, debug.getmetatable(object) or false}) do
        if type(base) == 'table' and base ~= object and self.tables[base] ~= nil then
            table.insert(list, base)
        end
    end
    return list
end

--- Returns the table of the new code that corresponds to an old table. Does not
-- check whether the old table can be replaced by it.
-- @treturn[1] table the counterpart
-- @treturn[2] nil
-- @treturn[2] string why there is none
local function counterpart_of(self, object)
    local entry = self.tables[object]
    if entry.why ~= nil then
        return nil, entry.why
    elseif self.paths[entry.module] == nil then
        return nil, 'the file of its module no longer exists'
    end
    return matching.retrace(object, entry, value_of(self, entry.module))
end

--- Whether an old table belongs to its module alone, so that it can be replaced.
-- This is the case if it has stale functions, and no functions of other code.
-- Functions of other code are allowed if the counterpart also has them, such as
-- methods that a class library has added.
-- @tparam table object the old table
-- @tparam table counterpart
-- @tparam boolean is_module whether the table is the value of a module. Such a
--   table may have functions of other code besides stale ones, or no functions at
--   all.
-- @tparam number depth maximum number of levels of base classes that are examined
local function is_own(self, object, counterpart, is_module, depth)
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
    -- A class without functions of its own may inherit some.
    for _, base in ipairs(bases_of(self, object)) do
        local other = counterpart_of(self, base)
        if other and is_own(self, base, other, false, depth - 1) then
            return true
        end
    end
    return false
end

--- Returns the table that can replace an old table. Only two kinds of tables are
-- replaced: values of modules, and classes that modules have created. Does not
-- yield.
-- @tparam table object the old table
-- @treturn[1] table its counterpart
-- @treturn[2] nil
-- @treturn[2] ?string why the old table cannot be replaced
-- @treturn[2] ?boolean true if the reason is that other code uses the table as well
-- @treturn[2] ?table in this case, the counterpart
function Counterparts:find_table(object)
    local entry = self.tables[object]
    if entry == nil then
        return nil
    end
    local counterpart, why = counterpart_of(self, object)
    if counterpart == nil then
        return nil, why
    elseif rawequal(counterpart, object) or self.tables[counterpart] ~= nil then
        return nil, 'the new code uses the old table, too', true, counterpart
    elseif self.strangers[counterpart] or not is_own(self, object, counterpart, entry.is_module, BASES) then
        return nil, ('%s is shared with other code'):format(matching.name_of(entry)), true, counterpart
    end
    return counterpart
end

--- Whether a file belongs to a module, or did so in an earlier generation.
-- @tparam string source chunk name of the file
-- @tparam string module name of the module
local function is_of(self, source, module)
    for _, name in ipairs(self.modules[source] or {}) do
        if name == module then
            return true
        end
    end
    return false
end

--- Describes a table of an old module for the report.
-- @tparam table object
-- @treturn string name of the table within its module
-- @treturn string unit of the first stale function in the table; if there is none,
--   the unit of the module
-- @treturn number line of that function; 1 if there is none
-- @treturn ?number generation of that function, if it is known
function Counterparts:describe_table(object)
    local entry, left = self.tables[object], ENTRIES
    local name = entry.holder == nil and entry.module or matching.name_of(entry)
    local source, line, generation
    for _, value in next, object do
        left = left - 1
        if left == 0 then
            break
        elseif type(value) == 'function' then
            local class, its_source, its_line, its_generation = generations.classify(self.stash, value)
            if class == 'stale' and (line == nil or its_line < line) and is_of(self, its_source, entry.module) then
                source, line, generation = its_source, its_line, its_generation
            end
        end
    end
    return name, source or '@' .. (self.paths[entry.module] or entry.module), line or 1, generation
end

--- Whether a function and the functions that it wraps can be replaced by new ones:
-- each old function among them has a counterpart. Does not yield.
-- @tparam function f
-- @tparam table taken set of new functions that cannot serve as counterparts,
--   because new code has registered them itself
-- @treturn boolean
function Counterparts:cover(f, taken)
    for _, old in ipairs(self.ownership.list_wrapped(f, function(g)
        return self.ownership:is_old(g)
    end)) do
        local counterpart = self:find(old, self:unit_of(old))
        if counterpart == nil or taken[counterpart] then
            return false
        end
    end
    return true
end

--- Whether a function belongs to the new code of the current reload.
function Counterparts:is_newest(f)
    return self.ownership ~= nil and self.ownership:is_new(f)
end

--- Whether the current reload replaces a module.
function Counterparts:is_replaced(module)
    return self.new_names[module] ~= nil
end

--- Whether a table is the current value of an application module.
function Counterparts:is_module_value(object)
    if self.module_values == nil then
        self.module_values = {[package.loaded] = true}
        for name in pairs(self.paths) do
            local value = value_of(self, name)
            if type(value) == 'table' then
                self.module_values[value] = true
            end
        end
    end
    return self.module_values[object] or false
end

--- Whether a value is a table of an old module that `remember` has recorded.
function Counterparts:is_old_table(value)
    return type(value) == 'table' and self.tables[value] ~= nil
end

--- Whether two units belong to the same module. For example, a module whose file
-- has moved has a unit for the old path and one for the new path.
function Counterparts:is_same_module(source, other)
    for _, module in ipairs(self.modules[source] or {}) do
        for _, other_module in ipairs(self.modules[other] or {}) do
            if module == other_module then
                return true
            end
        end
    end
    return source == other
end

--- Whether a holder, as returned by `newcode.holders_of`, is a given module or a
-- function of that module.
-- @tparam table holder
-- @tparam string module name of the module
function Counterparts:is_of_module(holder, module)
    if holder.module ~= nil then
        return holder.module == module
    end
    return is_of(self, self:unit_of(holder.f), module)
end

--- Returns the value that a module had before the current reload.
function Counterparts:old_value(module)
    return self.old[module]
end

return {list = list_old, new = new}
