--- Collects old tables whose functions are patched as a group. There is no yield
-- between the patches of a table, so a library that calls functions in a table never
-- finds a mixture of old and new ones.

local require = ...
local generations = require('code.generations')
local newcode = require('scan.newcode')
local yield = require('core.yield')

-- Maximum number of entries in a table that is patched as a whole. Larger tables are
-- assumed to hold data, not functions.
local SMALL = 1000

local TablePatches = {}
TablePatches.__index = TablePatches

--- Creates an empty collection of tables to patch.
-- @tparam table options see `new` in `scan.pass`
-- @tparam table places see `places`
-- @tparam table walk the walk that finds the tables
-- @treturn table the collection. Its field `shared` is the set of tables of new code
--   to which other code also refers.
local function new(options, places, walk)
    return setmetatable({
        options = options,
        places = places,
        walk = walk,
        counterparts = {},  -- table to be patched as a whole -> its counterpart
        items = {},         -- the same tables in the order of the walk: items, see `patch_table`
        watched = {},       -- set of the counterparts of old tables
        shared = {},        -- set of the `watched` tables to which other code refers, too
    }, TablePatches)
end

local function is_small(object)
    local count = 0
    for _ in next, object do
        count = count + 1
        if count > SMALL then
            return false
        end
    end
    return true
end

--- Returns the tables for which the walk must report references: tables of old
-- modules, and their counterparts. May yield.
-- @treturn table see the option `tables` of `heap_walk.new`
function TablePatches:watch()
    local counterparts, tables = self.options.counterparts, {}
    for object, entry in pairs(table.copy(counterparts.tables)) do
        yield.if_due()
        tables[object] = entry
        local counterpart = not entry.is_module and self.options.patch and counterparts:find_table(object)
        if counterpart then
            tables[counterpart], self.watched[counterpart] = {is_watched = true}, true
        end
    end
    return tables
end

--- Handles a reference to the counterpart of an old table. If code other than new code
-- holds the reference, records the counterpart as shared: it may be a table that a
-- library or Tarantool has created for other purposes. The use of the counterpart as a
-- metatable or as an `__index` does not count. The parameters are those of the option
-- `on_place` of `heap_walk.new`, without `number`.
function TablePatches:note_holder(kind, key, value, object)
    if kind == 'metatable' or key == '__index' or self.shared[value] then
        return
    elseif kind == 'local' then
        object = key.func
    end
    local is_own
    if type(object) == 'function' then
        is_own = generations.classify(self.options.stash, object) == 'current'
    else
        is_own = self.watched[object] or self.options.counterparts.modules:is_value(object)
    end
    self.shared[value] = not is_own or nil
end

--- Returns the string keys under which a table has no value, but its counterpart has a
-- function.
-- @tparam table object the table
-- @tparam table counterpart
-- @tparam ?function test (f) -> whether to include the function; without it, all
--   functions are included
-- @treturn {string,...}
local function missing_keys(object, counterpart, test)
    local keys = {}
    for key, f in next, counterpart do
        -- Include only string keys: number keys may belong to a list, whose order
        -- matters.
        if type(key) == 'string' and type(f) == 'function' and rawget(object, key) == nil
            and (test == nil or test(f)) then
            table.insert(keys, key)
        end
    end
    table.sort(keys)
    return keys
end

--- Patches all stale functions in an old table. If the table belongs to its module alone
-- (see `private_tables`), and its counterpart is not in the set `shared`, also adds the
-- functions that only the counterpart has, because the new functions may call them. Does
-- not yield.
-- @tparam table item
--   object: the old table
--   counterpart: its counterpart
--   number: number of the old table in the walk
--   is_own: whether the old table belongs to its module alone
-- @tparam boolean is_complete whether the walk was complete; if it was not, no
--   functions are added
-- @tparam function handle see `patch_all`
local function patch_table(self, item, is_complete, handle)
    local object, counterpart, number = item.object, item.counterpart, item.number
    local known, first = self.options.believed, nil
    local is_own = item.is_own and is_complete and not self.shared[counterpart]
    local missing = missing_keys(object, counterpart, not is_own and function(f)
        return generations.classify(known, f) == 'current'
    end or nil)
    local lacks
    for _, key in ipairs(is_own and {} or missing) do
        lacks = lacks or {}
        lacks[key] = true
    end
    for key, f in next, object do
        if type(f) == 'function' and generations.classify(known, f) == 'stale' then
            first = self.places:create(number, 'field', key, f, object)
            -- `create` has copied the current `is_late` of the walk. Clear it:
            -- `counterpart_of` has excluded the tables that only requests in flight can
            -- reach.
            first.is_late = false
            handle(first, lacks)
        end
    end
    for _, key in ipairs(first ~= nil and is_own and missing or {}) do
        local f = rawget(counterpart, key)
        local info = debug.getinfo(f, 'S')
        rawset(object, key, f)
        self.places:report({
            name = self.options.counterparts:name_beside(first.value, first.source, key),
            number = number,
            kind = 'field',
            key = key,
            value = f,
            source = info.source,
            line = info.linedefined,
            generation = self.options.stash.generation,
        }, true, 'added with the new code')
    end
end

--- Returns the counterpart of the table that contains a place, if all functions of this
-- table can be patched together (see `patch_table`).
-- @tparam table place
-- @treturn ?table the counterpart; nil if the functions cannot be patched together
-- @treturn ?boolean whether the old table belongs to its module alone
function TablePatches:counterpart_of(place)
    local own, _, _, other = self.options.counterparts:find_table(place.object)
    local counterpart = own or other
    if counterpart ~= nil and not self.places:is_in_use(place) and is_small(place.object) and is_small(counterpart)
    and not self.walk:is_iterated(place.object)
    and #newcode.holders_of(place, self.walk, self.options.counterparts) == 0 then
        return counterpart, own ~= nil
    end
    return nil
end

--- Records that the table that contains a given place is to be patched. `patch_all`
-- patches it after the walk, because only then is it known whether other code also
-- refers to the counterpart.
-- @tparam table place
-- @tparam table counterpart counterpart of the table
-- @tparam boolean is_own whether the old table belongs to its module alone
function TablePatches:add(place, counterpart, is_own)
    self.counterparts[place.object] = counterpart
    table.insert(self.items,
        {object = place.object, counterpart = counterpart, number = place.number, is_own = is_own})
end

--- Patches all tables in the collection. May yield.
-- @tparam boolean is_complete whether the walk was complete
-- @tparam function handle (place, missing): called for each place, see `handle` in
--   `scan.pass`
function TablePatches:patch_all(is_complete, handle)
    for _, item in ipairs(self.items) do
        -- Continue even if the fiber has been cancelled: the places in these tables
        -- have not been handled or reported yet.
        pcall(yield.if_due)
        patch_table(self, item, is_complete, handle)
    end
end

return {new = new}
