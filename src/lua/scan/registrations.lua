--- Locates where a library keeps a registration.
--
-- An entry is the function itself or contains it: a table with the function in
-- a field, a closure of the library around it, or a combination. Entries are
-- held by a list, by a table indexed by numbers or by made-up strings, by a table
-- of which they are the keys, or by a chain of closures, each wrapping the
-- previous one.

local require = ...
local jutil = require('jit.util')
local twins = require('scan.twins')
local walk_lib = require('scan.heap_walk')

local getupvalue = debug.getupvalue

-- How many entries of a holder are examined.
local ENTRIES = 5000
-- The least length of a UUID.
local UUID = 32
-- Maximum number of steps from an entry to its function.
local STEPS = 4
-- Maximum number of texts of an entry that are compared.
local TEXTS = 50
-- Maximum number of nested closures.
local LAYERS = 50

local Registrations = {}
Registrations.__index = Registrations

--- Creates a locator.
-- @tparam ?table counterparts
-- @tparam ?table census of what new code had registered by the commit; nil if all
--   that it has registered counts
local function new(counterparts, census)
    return setmetatable({
        counterparts = counterparts,
        census = census,
        patterns = {},  -- table -> pattern of made-up keys -> how many have it
        sequences = {}, -- table -> whether all its numbers are those of a list
        counts = {},    -- holder -> shape -> new function -> texts -> number of entries
        olds = {},      -- the same for old functions
        twins = {},     -- holder -> shape -> source -> old function -> new one
    }, Registrations)
end

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

local function is_like(f, g)
    return type(f) == 'function' and type(g) == 'function' and proto_of(f) ~= nil and proto_of(f) == proto_of(g)
end

--- Whether a key is a list index: a table with other number keys has no order.
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

--- Returns what a thing has at a place, if it is of the same kind as another.
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

--- Returns what an entry has where another one has its function.
-- @param entry
-- @tparam {table,...} steps {like, key}
local function read(entry, steps)
    for _, one in ipairs(steps) do
        entry = step(entry, one.like, one.key)
        if entry == nil then
            return nil
        end
    end
    return entry
end

--- The texts that an entry has beside its function, such as the name of what it was
-- registered for. Those of the function itself are its own matter.
-- @tparam {table,...} steps see `read`
-- @treturn string
local function texts_of(entry, steps)
    local texts = {}
    local function add(key, value)
        if type(value) == 'string' and #texts < TEXTS then
            table.insert(texts, ('%s=%s'):format(tostring(key), value))
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

--- Returns a string for the path from entry to function, which makes entries
-- comparable.
local function shape_of(steps)
    local parts = {}
    for _, one in ipairs(steps) do
        local proto = type(one.like) == 'function' and proto_of(one.like) or nil
        table.insert(parts, ('%s %s'):format(tostring(one.key), proto and tostring(proto) or ''))
    end
    return table.concat(parts, '\n')
end

--- Returns what keys have in common that a library makes up, such as `task_7` or a
-- UUID; nil for a name that says what is there.
-- @param key
-- @treturn ?string
local function pattern_of(key)
    if type(key) ~= 'string' then
        return nil
    elseif #key >= UUID and key:match('^[%x-]+$') then
        return '#'
    end
    local pattern, count = key:gsub('%d+', '#')
    return count > 0 and pattern or nil
end

--- Returns the pattern of a key if other keys of the table have it, too.
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

--- Orders made-up keys as they were made, as far as their numbers tell.
local function by_number(a, b)
    if type(a) == 'string' and #a ~= #b then
        return #a < #b
    end
    return a < b
end

--- Calls back for each entry of a registration's holder, in order.
-- @tparam table found see `locate`
-- @tparam function visit (entry); returns whether that is enough
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

--- Returns the closures that wrap each other.
-- @tparam table walk
-- @tparam number number of the entry
-- @tparam function entry
-- @tparam number key of the upvalue in which each has the next one
-- @treturn {function,...} the outermost first
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

--- Finds the registration that a place belongs to. Does not yield.
-- @tparam table place
-- @tparam table walk that has found it
-- @treturn ?table {kind = list, map, set or around; holder, entry; key, its place in
--   the holder; steps, from the entry to the function; layers, of around}
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

--- Returns the cache slot for a holder and the path to its functions.
local function slot(cache, found)
    local holder, shape = top_of(found), shape_of(found.steps) .. (found.pattern or '')
    cache[holder] = cache[holder] or {}
    cache[holder][shape] = cache[holder][shape] or {}
    return cache[holder][shape]
end

--- Whether an entry counts as registered by new code.
local function counts_as_new(self, found, entry)
    return self.census == nil or self.census:has(found, entry)
end

--- Counts the entries with a function by their texts.
-- @tparam table counts texts -> number
local function count(counts, entry, steps)
    local texts = texts_of(entry, steps)
    counts[texts] = (counts[texts] or 0) + 1
end

--- How often each function is registered at a place by new code, and an old one
-- there.
-- @treturn table new function -> texts -> number
-- @treturn table texts -> number, of the old one
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

--- Whether a function is registered by new code in the place of an old one; each
-- registration counts once. It is the one with the same texts. If there is none,
-- any other will do, if as many of the new code are without such an old one: then
-- their texts have changed. Does not yield.
-- @tparam table found see `locate`: where an old one is registered; gets the `texts`
--   of the new entry
-- @tparam function|table old
-- @tparam function|table value that is new
-- @treturn boolean
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

--- Sorts the functions of a module at a place: old ones without a name, and new
-- ones that are no other function's counterpart.
local function sort(self, found, place)
    local counterparts, olds, news, taken = self.counterparts, {}, {}, {}
    local function is_same_module(f)
        return counterparts:is_same_module(place.source, counterparts:unit_of(f))
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

--- Returns the new function registered in place of an old one without a name.
-- Does not yield.
-- @tparam table place
-- @tparam table walk that has found it
-- @treturn ?function
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
