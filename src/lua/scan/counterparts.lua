--- Finds counterparts: the functions and tables of the serving generation that
-- correspond to those of older generations. `match` compares the old and the new
-- version of each module. An old function has at most one counterpart.
--
-- The names of old functions, and their paths from the values of their modules, are
-- recorded right after the commit. A record is kept as long as its function exists.
-- So a later scan can still name a function that an earlier scan has missed, and
-- patch the references to it.

local require = ...
local generations = require('code.generations')
local matching = require('scan.match')
local module_index = require('scan.module_index')
local private_tables = require('scan.private_tables')
local yield = require('core.yield')

-- Maximum number of entries to examine in a table.
local ENTRIES = 1000

local Counterparts = {}
Counterparts.__index = Counterparts

--- Returns the unit of a function, see `ownership`.
local function unit_of(ownership, stash, f)
    return ownership ~= nil and ownership:unit_of(f) or generations.unit_of(stash, f)
end

--- Lists the functions and tables of the modules that are about to be replaced. Must
-- be called before new code runs. May yield.
-- @tparam table stash see `core.stash`
-- @tparam table ownership see `ownership`
-- @tparam table old module name -> value
-- @tparam {table,...} paths list of tables, each of which maps module names to paths. If
--   a module has several paths, they are in different tables.
-- @treturn table the value for `change.things`, see `new`
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

--- Returns the new table that corresponds to an old table, even if it cannot replace
-- the old table.
-- @treturn[1] table the counterpart
-- @treturn[2] nil
-- @treturn[2] string why there is none
local function counterpart_of(self, object)
    local entry = self.tables[object]
    if entry.why ~= nil then
        return nil, entry.why
    elseif self.modules.paths[entry.module] == nil then
        return nil, 'the file of its module no longer exists'
    end
    return matching.retrace(object, entry, self.modules:value_of(entry.module))
end

--- Creates an object that finds counterparts. May yield.
-- @tparam table stash see `core.stash`
-- @tparam ?table change the current reload, before or after its commit; nil if there is
--   none. All its fields are optional:
--   ownership: see `ownership`
--   old: module name -> old value, of all loaded modules
--   new: module name -> new value, of the replaced modules
--   paths: module name -> path, of the replaced modules
--   former: module name -> previous path, of replaced modules whose file has moved
--   gone: module name -> path, of modules whose file no longer exists
--   things: the result of `list`
--   shared: set of the names of modules whose values may also contain functions of
--     libraries or of other modules
local function new(stash, change)
    change = change or {}
    local modules = module_index.new(stash, change)
    local self = setmetatable({
        stash = stash,
        tables = stash.tables or {},     -- another version of the state table may not have it
        strangers = stash.strangers or {},
        ownership = change.ownership,
        modules = modules,
        listed = change.things or {},
        shared = change.shared or {},
        matched = {},       -- module name and source -> matching
        foreign = {[_G] = true},
    }, Counterparts)
    -- Iterate over a copy, because other fibers may load modules during a yield.
    for _, values in ipairs({table.copy(package.loaded), modules.old, modules.new}) do
        for _, value in pairs(values) do
            yield.if_due()
            if type(value) == 'table' or type(value) == 'function' then
                self.foreign[value] = true
            end
        end
    end
    self.private_tables = private_tables.new(stash, modules, self.tables, function(object)
        return (counterpart_of(self, object))
    end)
    return self
end

--- Returns the unit of a function, see `ownership`.
function Counterparts:unit_of(f)
    return unit_of(self.ownership, self.stash, f)
end

--- Whether a function belongs to the serving generation or to new code.
local function is_current(self, f)
    return self.ownership ~= nil and self.ownership:is_new(f)
        or generations.classify(self.stash, f) == 'current'
end

--- Matches the functions and tables of an old module with those of the new module.
-- The first call for a module and file must come before anything in the old module is
-- patched. Later calls return the same result, until `remember` discards it.
-- @tparam string module name of the module
-- @tparam string source chunk name of a file of the module. If the file has moved, the
--   module has two files, and is matched for each of them.
-- @tparam ?function pause called repeatedly, and may yield; nil for a call that
--   must not yield
-- @treturn table result of `match.new`
local function matching_of(self, module, source, pause)
    local key = module .. source
    if self.matched[key] == nil then
        self.matched[key] = matching.new({
            things = self.listed[key],
            old = self.modules.old[module],
            new = self.modules:value_of(module),
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

--- Returns the records of the stale functions of a unit. The records outlive the
-- reload.
-- @tparam table stash see `core.stash`
-- @tparam string source the unit
-- @treturn table function -> its record, see `match`; the keys are weak
local function known_of(stash, source)
    local known = stash.known[source]
    if known == nil then
        known = setmetatable({}, {__mode = 'k'})
        stash.known[source] = known
    end
    return known
end

--- Whether an old table may be a class: one of its first entries is a function or a
-- metamethod. Any other table counts as data.
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

--- Records old functions and tables of a replaced module (see `match`): the functions
-- of a given file, the value of the module, and the tables that may be classes (see
-- `has_code`). Leaves out those that are their own counterparts. May yield.
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
            entry.is_module = entry.holder == nil and self.modules.replaced[module] and not self.shared[module] or nil
            tables[thing] = entry
        end
    end)
end

--- Calls a function for each file of each module that the reload replaces. May
-- yield.
-- @tparam function visit (module, source): name of the module, and chunk name of the
--   file
local function each_changed(self, visit)
    for source, modules in pairs(self.modules.names) do
        for _, module in ipairs(modules) do
            if self.listed[module .. source] ~= nil or self.modules:is_changed(module) then
                visit(module, source)
                yield.if_due()
            end
        end
    end
end

--- Records which counterparts of old tables existed before the new code ran. New code
-- did not create these counterparts, but got them, for example, from a library. So
-- they must not replace the old tables. May yield.
-- @tparam function was_there (table) -> whether the table existed before the new code
--   ran
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

--- Records the name of each function and table that the reload has replaced, and the
-- path to it from the value of its module. Later scans use these records to name and
-- patch stale references. Yields.
function Counterparts:remember()
    each_changed(self, function(module, source)
        remember_module(self, module, source)
    end)
    self.matched, self.is_remembered = {}, true
end

--- Returns the record of a stale function.
-- @tparam function f
-- @tparam string source unit of the function
-- @treturn ?table the record, see `match`; it includes the name of the module
-- @treturn boolean true if the record comes from `matching_of`; false if it was stored
--   earlier
local function entry_of(self, f, source)
    for _, module in ipairs(self.is_remembered and {} or self.modules.names[source] or {}) do
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

--- Derives the name of a table field, such as `Class.stop`, from the name of a stale
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
    local module = entry and self.modules.paths[entry.module] and entry.module or (self.modules.names[source] or {})[1]
    if module == nil then
        return nil, 'none of the loaded modules is from this file'
    elseif self.modules.paths[module] == nil then
        return nil, 'the file of its module no longer exists'
    end
    local counterpart, why
    if entry == nil or is_matched then
        counterpart, why = matching_of(self, module, source):counterpart(f)
    elseif entry.why ~= nil then
        return nil, entry.why
    else
        counterpart, why = matching.retrace(f, entry, self.modules:value_of(module))
    end
    if counterpart == nil then
        return nil, why
    elseif rawequal(counterpart, f) then
        return nil, 'the new code also uses the old function'
    elseif self:unit_of(counterpart) ~= '@' .. self.modules.paths[module] then
        return nil, ('%s moved to another file in the new code')
            :format(entry and matching.name_of(entry) or 'the function')
    elseif not is_current(self, counterpart) then
        return nil, 'the new code also uses the old function'
    end
    return counterpart
end

--- Returns the new table that can replace an old table. Only the values of modules,
-- and classes that modules have created, can be replaced. Does not yield.
-- @tparam table object the old table
-- @treturn[1] table the counterpart
-- @treturn[2] nil
-- @treturn[2] ?string why the old table cannot be replaced
-- @treturn[2] ?boolean true if other code also uses one of the two tables
-- @treturn[2] ?table the counterpart, if the boolean is true
function Counterparts:find_table(object)
    local entry = self.tables[object]
    if entry == nil then
        return nil
    end
    local counterpart, why = counterpart_of(self, object)
    if counterpart == nil then
        return nil, why
    elseif rawequal(counterpart, object) or self.tables[counterpart] ~= nil then
        return nil, 'the new code also uses the old table', true, counterpart
    elseif self.strangers[counterpart] or not self.private_tables:has(object, counterpart, entry.is_module) then
        return nil, ('%s is shared with other code'):format(matching.name_of(entry)), true, counterpart
    end
    return counterpart
end

--- Describes a table of an old module for the report. Also finds the table's first stale
-- function: of those from the module's files, the one with the lowest line number.
-- @tparam table object
-- @treturn string name of the table within its module
-- @treturn string unit of the first stale function; the unit of the module if the
--   table has no such function
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
            if class == 'stale' and (line == nil or its_line < line)
                and self.modules:has_file(entry.module, its_source) then
                source, line, generation = its_source, its_line, its_generation
            end
        end
    end
    return name, source or '@' .. (self.modules.paths[entry.module] or entry.module), line or 1, generation
end

--- Whether a function and the functions that it wraps can be replaced. Each old
-- function among them must have a counterpart. Does not yield.
-- @tparam function f
-- @tparam table taken set of new functions that do not count as counterparts,
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

--- Whether a value is an old table that `remember` has recorded.
function Counterparts:is_old_table(value)
    return type(value) == 'table' and self.tables[value] ~= nil
end

--- Whether a holder (the code that keeps a reference) is a given module or a
-- function of that module.
-- @tparam table holder item of the list that `newcode.holders_of` returns
-- @tparam string module name of the module
function Counterparts:is_of_module(holder, module)
    if holder.module ~= nil then
        return holder.module == module
    end
    return self.modules:has_file(module, self:unit_of(holder.f))
end

return {list = list_old, new = new}
