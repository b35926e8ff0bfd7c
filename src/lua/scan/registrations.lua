--- Finds the registration to which a reference to a function belongs. Also determines
-- whether new code has made the same registration again.
--
-- A registration is an entry that a library keeps in an object, called the holder.
-- The entry is the function itself, or an object that contains the function: a
-- table, a closure of the library, or a combination of these. There are four kinds of
-- holders:
--
--   `list`: a table with consecutive indexes, whose order matters;
--   `map`: a table whose keys are generated strings, or numbers that are not indexes of
--     a list;
--   `set`: a table whose keys are the entries;
--   `around`: a chain of closures, each of which wraps the next one.
--
-- The texts of an entry are the strings that it contains besides its function, such
-- as the name of an event. They distinguish registrations of the same function.

local require = ...
local jutil = require('jit.util')
local key_name = require('core.key_name')
local twins = require('scan.twins')
local walk_lib = require('scan.heap_walk')

local getupvalue = debug.getupvalue

-- Maximum number of entries to examine in one holder, such as a list of callbacks.
local ENTRIES = 5000
-- Length of a UUID without hyphens, in characters.
local UUID = 32
-- Maximum number of steps from an entry to its function.
local STEPS = 4
-- Maximum number of strings to compare in one entry.
local TEXTS = 50
-- Maximum number of closures of a chain to examine outwards from the closure that was
-- found. The same maximum applies inwards.
local LAYERS = 50

local Registrations = {}
Registrations.__index = Registrations

--- Creates an object that finds registrations.
-- @tparam ?table counterparts see `counterparts`; required by `twin_of`
-- @tparam ?table census registrations that new code had made by the commit, see
--   `census`. Without it, registrations that new code made after the commit are also
--   considered.
local function new(counterparts, census)
    return setmetatable({
        counterparts = counterparts,
        census = census,
        patterns = {},  -- table -> pattern of generated keys -> number of such keys
        sequences = {}, -- table -> whether its number keys are the indexes of a list
        counts = {},    -- holder -> shape -> new function -> texts -> number of entries
        olds = {},      -- holder -> shape -> old function -> texts -> number of entries
        twins = {},     -- holder -> shape -> unit -> old function -> new one
    }, Registrations)
end

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

local function is_like(f, g)
    return type(f) == 'function' and type(g) == 'function' and proto_of(f) ~= nil and proto_of(f) == proto_of(g)
end

--- Returns whether a key is an index of a list. A table that has a number key below 1
-- or above its length is not a list: all its number keys are ids, not positions.
-- @param key
-- @param list the object with the key
local function is_index(self, key, list)
    if type(key) ~= 'number' or type(list) ~= 'table' then
        return false
    end
    local is_sequence = self.sequences[list]
    if is_sequence == nil then
        local length, left = #list, ENTRIES
        is_sequence = length > 0
        for other in next, list do
            left = left - 1
            if left == 0 then
                break
            elseif type(other) == 'number' and (other < 1 or other > length) then
                is_sequence = false
                break
            end
        end
        self.sequences[list] = is_sequence
    end
    return is_sequence
end

--- Returns the value that an object has under a key, if the object is of the same kind
-- as `like`: both are tables, or both are closures of the same prototype.
-- @param thing the object
-- @param like the object to compare with
-- @param key key of the field, or index of the upvalue
-- @return the value; nil if the kinds differ, or if there is no such value
local function step(thing, like, key)
    if type(thing) ~= type(like) then
        return nil
    elseif type(thing) == 'table' then
        return rawget(thing, key)
    elseif is_like(thing, like) then
        return select(2, getupvalue(thing, key))
    end
    return nil
end

--- Returns the function at the end of a path in an entry. The path may have been
-- determined for another entry. It is valid only if both entries have the same
-- structure.
-- @param entry
-- @tparam {table,...} steps the path, {{like, key},...}: see `step`
-- @return the function, or another value at the end of the path; nil if the structures
--   differ
local function read(entry, steps)
    for _, one in ipairs(steps) do
        entry = step(entry, one.like, one.key)
        if entry == nil then
            return nil
        end
    end
    return entry
end

--- Returns the texts of an entry: the strings that it contains besides its function,
-- such as the name of an event. Strings in upvalues of the function itself are not
-- included.
-- @param entry
-- @tparam {table,...} steps path to the function, see `read`
-- @treturn string the texts, sorted and concatenated
local function texts_of(entry, steps)
    local texts = {}
    local function add(key, value)
        if type(value) == 'string' and #texts < TEXTS then
            table.insert(texts, ('%s=%s'):format(key_name(key), value))
        end
    end
    for _, one in ipairs(steps) do
        if type(entry) == 'table' then
            local left = TEXTS
            for key, value in next, entry do
                add(key, value)
                left = left - 1
                if left == 0 then
                    break
                end
            end
        elseif type(entry) == 'function' then
            for index = 1, TEXTS do
                local name, value = getupvalue(entry, index)
                if name == nil then
                    break
                end
                add(name, value)
            end
        end
        entry = step(entry, one.like, one.key)
    end
    table.sort(texts)
    return table.concat(texts, '\0')
end

--- Returns a string that describes the structure of an entry. The string is the same
-- for all entries with this structure.
-- @tparam {table,...} steps path from the entry to its function, see `read`
local function shape_of(steps)
    local parts = {}
    for _, one in ipairs(steps) do
        local proto = type(one.like) == 'function' and proto_of(one.like) or nil
        table.insert(parts, ('%s %s'):format(key_name(one.key), proto and tostring(proto) or ''))
    end
    return table.concat(parts, '\n')
end

--- Returns the pattern of a key that a library has generated. In the pattern, `#`
-- stands for a number or a UUID: the pattern of `task_7` is `task_#`.
-- @param key
-- @treturn ?string nil if the key is not a string, or does not look generated
local function pattern_of(key)
    if type(key) ~= 'string' then
        return nil
    elseif #key >= UUID and key:match('^[%x-]+$') then
        return '#'
    end
    local pattern, count = key:gsub('%d+', '#')
    return count > 0 and pattern or nil
end

--- Returns the pattern of a generated key (see `pattern_of`), if the table has
-- another key with the same pattern.
-- @param key
-- @tparam table object the table
-- @treturn ?string
local function shared_pattern(self, key, object)
    local pattern = type(object) == 'table' and pattern_of(key) or nil
    if pattern == nil then
        return nil
    end
    local counts = self.patterns[object]
    if counts == nil then
        local left = ENTRIES
        counts = {}
        for other in next, object do
            left = left - 1
            if left == 0 then
                break
            end
            local found = pattern_of(other)
            if found ~= nil then
                counts[found] = (counts[found] or 0) + 1
            end
        end
        self.patterns[object] = counts
    end
    return (counts[pattern] or 0) > 1 and pattern or nil
end

--- Compares two generated keys, so that `table.sort` puts the older one first. The
-- older key contains the smaller number. Of two strings with the same pattern, the
-- longer one contains the larger number. For UUIDs, the age is unknown, and the order is
-- arbitrary.
local function by_number(a, b)
    if type(a) == 'string' and #a ~= #b then
        return #a < #b
    end
    return a < b
end

--- Calls `visit` for each entry in the holder of a registration. Visits the entries in
-- the order in which they were registered, if that order is known.
-- @tparam table found the registration, see `locate`
-- @tparam function visit (entry, key) -> whether to stop
local function each(found, visit)
    if found.kind == 'list' then
        for index = 1, ENTRIES do
            local entry = rawget(found.holder, index)
            if entry == nil or visit(entry, index) then
                return
            end
        end
    elseif found.kind == 'map' then
        local keys = {}
        for key in next, found.holder do
            if found.pattern == nil and type(key) == 'number'
            or found.pattern ~= nil and pattern_of(key) == found.pattern then
                table.insert(keys, key)
                if #keys > ENTRIES then
                    return
                end
            end
        end
        table.sort(keys, by_number)
        for _, key in ipairs(keys) do
            if visit(rawget(found.holder, key), key) then
                return
            end
        end
    elseif found.kind == 'set' then
        local left = ENTRIES
        for entry in next, found.holder do
            left = left - 1
            if left == 0 or visit(entry) then
                return
            end
        end
    else
        for _, layer in ipairs(found.layers) do
            if visit(layer) then
                return
            end
        end
    end
end

--- Returns all closures of a chain in which each closure wraps the next one.
-- @tparam table walk the walk that has found the chain
-- @tparam number number the walk's number for `entry`
-- @tparam function entry one of the closures
-- @tparam number key index of the upvalue that contains the next closure; the index
--   is the same in all closures
-- @treturn {function,...} the closures, the outermost first
local function layers_of(walk, number, entry, key)
    local outer, inner = {}, {}
    local _, parent = walk:at(number)
    while #outer < LAYERS and parent > 0 do
        local f, next_parent = walk:at(parent)
        if not is_like(f, entry) or not rawequal(select(2, getupvalue(f, key)), outer[#outer] or entry) then
            break
        end
        table.insert(outer, f)
        parent = next_parent
    end
    local f = select(2, getupvalue(entry, key))
    while #inner < LAYERS and is_like(f, entry) do
        table.insert(inner, f)
        f = select(2, getupvalue(f, key))
    end
    local layers = {}
    for index = #outer, 1, -1 do
        table.insert(layers, outer[index])
    end
    table.insert(layers, entry)
    for _, layer in ipairs(inner) do
        table.insert(layers, layer)
    end
    return layers
end

--- Finds the registration to which a reference belongs. Does not yield.
-- @tparam table place the reference to a function
-- @tparam table walk the walk that has found the reference
-- @treturn ?table the registration; nil if the reference does not belong to one:
--   kind: `list`, `map`, `set` or `around`, see the top of this file
--   holder: the object that contains the entry
--   entry: the entry that contains the function
--   key: the key under which the holder contains the entry; nil for a set
--   steps: path from the entry to the function, see `read`
--   pattern: for a map whose keys are generated strings, the pattern of the keys
--   layers: for the kind `around`, all closures of the chain, see `layers_of`
function Registrations:locate(place, walk)
    if place.kind == 'key' then
        return {kind = 'set', holder = place.object, entry = place.value, steps = {}}
    elseif place.kind ~= 'field' and place.kind ~= 'upvalue' then
        return nil
    end
    local steps, entry, object, key, number = {}, place.value, place.object, place.key, place.number
    for _ = 0, STEPS do
        if is_index(self, key, object) then
            return {kind = 'list', holder = object, entry = entry, key = key, steps = steps}
        elseif type(object) == 'table' and type(key) == 'number' and not rawequal(object, debug.getregistry()) then
            return {kind = 'map', holder = object, entry = entry, key = key, steps = steps}
        elseif type(object) == 'table' and key == walk_lib.KEY then
            return {kind = 'set', holder = object, entry = entry, steps = steps}
        elseif shared_pattern(self, key, object) ~= nil then
            return {kind = 'map', holder = object, entry = entry, key = key, steps = steps, pattern = pattern_of(key)}
        elseif #steps > 0 and is_like(object, entry) then
            return {kind = 'around', holder = object, entry = entry, key = key, steps = steps,
                layers = layers_of(walk, steps[1].number, entry, key)}
        elseif type(object) ~= 'table' and type(object) ~= 'function' or type(key) == 'table' or number < 1 then
            return nil
        end
        table.insert(steps, 1, {like = object, key = key, number = number})
        entry = object
        local _, parent, way = walk:at(number)
        object = parent > 0 and walk:at(parent) or nil
        key, number = way, parent
    end
    return nil
end

local function top_of(found)
    return found.layers and found.layers[1] or found.holder
end

--- Returns the subtable of a cache for a registration. All registrations with the same
-- holder and the same structure share one subtable.
-- @tparam table cache
-- @tparam table found the registration, see `locate`
local function slot(cache, found)
    local holder, shape = top_of(found), shape_of(found.steps) .. (found.pattern or '')
    cache[holder] = cache[holder] or {}
    cache[holder][shape] = cache[holder][shape] or {}
    return cache[holder][shape]
end

--- Returns whether an entry with a new function counts as registered by new code. If
-- there is a census (taken at the commit), only the entries in it count. Without a
-- census, all entries count.
local function counts_as_new(self, found, entry)
    return self.census == nil or self.census:has(found, entry)
end

--- Counts an entry under its texts, see `texts_of`.
-- @tparam table counts texts -> number of entries with these texts
local function count(counts, entry, steps)
    local texts = texts_of(entry, steps)
    counts[texts] = (counts[texts] or 0) + 1
end

--- Counts two kinds of entries in the holder of a registration: those that new code
-- has registered, and those that contain a given old function. Counts entries with
-- different texts separately, see `texts_of`.
-- @tparam table found the registration, see `locate`
-- @tparam function|table old the old function
-- @treturn table for new code: function -> texts -> number of entries
-- @treturn table for the old function: texts -> number of entries
local function counts_of(self, found, old)
    local counts = slot(self.counts, found)
    if not counts.is_full then
        each(found, function(entry)
            local part = read(entry, found.steps)
            if (type(part) == 'function' or type(part) == 'table') and counts_as_new(self, found, entry) then
                counts[part] = counts[part] or {}
                count(counts[part], entry, found.steps)
            end
        end)
        counts.is_full = true
    end
    local olds = slot(self.olds, found)
    if olds[old] == nil then
        olds[old] = {}
        each(found, function(entry)
            if rawequal(read(entry, found.steps), old) then
                count(olds[old], entry, found.steps)
            end
        end)
    end
    return counts, olds[old]
end

--- Finds a new registration, made by new code, that replaces an old one. Marks it as
-- used, so that it replaces no other. Does not yield.
--
-- Prefers a new registration with the same texts (strings in the entry, see
-- `texts_of`). If there is none, new code may have changed the texts. In this case,
-- takes an unmatched new registration: one that is left over when each old registration
-- is matched with a new one that has the same texts. There must be at least as many
-- unmatched new registrations as unmatched old ones.
-- @tparam table found the old registration, see `locate`. Its field `texts` is set to
--   the texts of the new one.
-- @tparam function|table old the old function
-- @tparam function|table value the counterpart of the old function
-- @treturn boolean whether a new registration was found
function Registrations:take(found, old, value)
    local counts, olds = counts_of(self, found, old)
    local news = counts[value] or {}
    local own = texts_of(found.entry, found.steps)
    local function take(texts)
        news[texts] = news[texts] - 1
        olds[own] = (olds[own] or 1) - 1
        found.texts = texts
        return true
    end
    if (news[own] or 0) > 0 then
        return take(own)
    end
    local old_left, new_left, other = 0, 0, nil
    for texts, number in pairs(olds) do
        old_left = old_left + math.max(0, number - (news[texts] or 0))
    end
    for texts, number in pairs(news) do
        local left = math.max(0, number - (olds[texts] or 0))
        new_left = new_left + left
        other = left > 0 and (other == nil or texts < other) and texts or other
    end
    return other ~= nil and old_left <= new_left and take(other)
end

--- Lists functions in the holder of a registration, for `twins` to pair: old
-- functions without a name, and new functions that may replace them.
-- @tparam table found the registration, see `locate`
-- @tparam table place the reference to an old function; only functions of the same
--   module are listed
-- @treturn {function,...} old functions without a name
-- @treturn {function,...} new functions that are not counterparts of old functions in
--   this holder
local function sort(self, found, place)
    local counterparts, olds, news, taken = self.counterparts, {}, {}, {}
    local function is_same_module(f)
        return counterparts.modules:is_same(place.source, counterparts:unit_of(f))
    end
    each(found, function(entry)
        local f = read(entry, found.steps)
        if type(f) ~= 'function' or not is_same_module(f) then
            return
        elseif counterparts:is_newest(f) then
            if counts_as_new(self, found, entry) then
                table.insert(news, f)
            end
        elseif counterparts:name_of(f, counterparts:unit_of(f)) == nil then
            table.insert(olds, f)
        else
            taken[counterparts:find(f, counterparts:unit_of(f)) or f] = true
        end
    end)
    for index = #news, 1, -1 do
        if taken[news[index]] then
            table.remove(news, index)
        end
    end
    return olds, news
end

--- Returns the new function that is registered in place of an old function without a
-- name, see `twins`. Does not yield.
-- @tparam table place the reference to the old function
-- @tparam table walk the walk that has found the reference
-- @treturn ?function nil if it cannot be determined
function Registrations:twin_of(place, walk)
    local found = type(place.value) == 'function' and self:locate(place, walk)
    if not found then
        return nil
    end
    local by_source = slot(self.twins, found)
    if by_source[place.source] == nil then
        by_source[place.source] = twins.pair(sort(self, found, place))
    end
    return by_source[place.source][place.value]
end

return {
    ENTRIES = ENTRIES,
    STEPS = STEPS,
    new = new,
    pattern_of = pattern_of,
    read = read,
    texts_of = texts_of,
}
