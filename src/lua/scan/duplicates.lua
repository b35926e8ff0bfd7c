--- Registrations that new code has made once more.
--
-- A rock that keeps callbacks in a list has both functions in it after a reload,
-- and would call both. As after a restart, there is to be one: the new entry
-- takes the place of the old one. An entry is the function itself, a table with
-- the function in it, or a closure of the rock around it; the rock may as well
-- have put one closure around the other.
--
-- A list gets shorter by that, which a loop that runs over it may not expect. So
-- it is done when no loop would miss an entry or find one too much.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local jutil = require('jit.util')
local walk_lib = require('scan.heap_walk')

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- Entries of a list that are looked at.
local ENTRIES = 5000
-- Fibers whose loops are looked at all at once, and fields of what they have.
local THREADS, FIELDS = 1000, 100
-- Entries of lists that are moved all at once.
local MOVED = 20000
-- Seconds in which a moment is waited for when no loop is in the way.
local PATIENCE = 0.2

-- What `ipairs` gives a loop.
local NEXT_INDEX = ipairs({})

local Duplicates = {}
Duplicates.__index = Duplicates

local function new()
    return setmetatable({counts = {}, items = {}}, Duplicates)
end

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

--- What an entry of the same kind has where another one has its place.
-- @param entry
-- @param like the other one
-- @param key of the place in that one
-- @return nil if it is of another kind
local function part_of(entry, like, key)
    if rawequal(entry, like) or type(entry) ~= type(like) then
        return nil
    elseif type(entry) == 'table' then
        return rawget(entry, key)
    elseif type(entry) == 'function' and proto_of(entry) ~= nil and proto_of(entry) == proto_of(like) then
        return select(2, getupvalue(entry, key))
    end
    return nil
end

--- How often each function is in a list, as entries or in them.
local function count(list, read)
    local counts = {}
    for index = 1, ENTRIES do
        local entry = rawget(list, index)
        if entry == nil then
            break
        end
        local part = read(entry)
        if part ~= nil and part == part then
            counts[part] = (counts[part] or 0) + 1
        end
    end
    return counts
end

--- Takes one of the entries of a list that have a new function.
-- @treturn boolean whether there is one that was not taken
local function take(self, list, shape, value, read)
    self.counts[list] = self.counts[list] or {}
    local counts = self.counts[list][shape]
    if counts == nil then
        counts = count(list, read)
        self.counts[list][shape] = counts
    end
    if (counts[value] or 0) == 0 then
        return false
    end
    counts[value] = counts[value] - 1
    return true
end

local function is_index(key, list)
    return type(key) == 'number' and type(list) == 'table' and key >= 1 and rawget(list, 1) ~= nil
        and key <= #list
end

--- Whether the old function of a place is registered once more; it is kept in
-- mind if it is. Does not yield.
-- @tparam table place
-- @tparam function|table value that is new
-- @tparam table walk that has found the place
function Duplicates:note(place, value, walk)
    local object, key = place.object, place.key
    if place.kind == 'field' and is_index(key, object) then
        if not take(self, object, 'itself', value, function(entry) return entry end) then
            return false
        end
        table.insert(self.items, {place = place, list = object, entry = place.value, new = value,
            read = function(entry) return entry end})
        return true
    elseif place.kind ~= 'field' and place.kind ~= 'upvalue' or place.number < 1 then
        return false
    end
    local _, parent, way = walk:at(place.number)
    local holder = parent > 0 and walk:at(parent) or nil
    local function read(entry)
        return part_of(entry, object, key)
    end
    local item = {place = place, entry = object, new = value, read = read}
    if is_index(way, holder) and rawequal(rawget(holder, way), object) then
        if not take(self, holder, type(object) == 'function' and proto_of(object) or key, value, read) then
            return false
        end
        item.list = holder
    elseif way == walk_lib.KEY and type(holder) == 'table' then
        item.set = holder
    elseif type(holder) == 'function' and type(object) == 'function' and rawequal(read(holder), value) then
        item.around, item.way = holder, way
    else
        return false
    end
    if item.set ~= nil then
        local left, is_there = ENTRIES, false
        for entry in next, item.set do
            left = left - 1
            is_there = is_there or rawequal(read(entry), value)
            if is_there or left == 0 then
                break
            end
        end
        if not is_there then
            return false
        end
    end
    table.insert(self.items, item)
    return true
end

--- Whether a frame may use a list: it has it, or something that has it.
local function has_list(thread, level, f, list)
    local function has(value)
        if rawequal(value, list) then
            return true
        elseif type(value) ~= 'table' then
            return false
        end
        local left = FIELDS
        for _, field in next, value do
            left = left - 1
            if rawequal(field, list) then
                return true
            elseif left == 0 then
                return false
            end
        end
        return false
    end
    for index = 1, 250 do
        local name, value = getlocal(thread, level, index)
        if name == nil then
            break
        elseif has(value) then
            return true
        end
    end
    for index = 1, 60 do
        local name, value = getupvalue(f, index)
        if name == nil then
            break
        elseif has(value) then
            return true
        end
    end
    return false
end

--- The loops that run over some lists.
-- @tparam table lists set
-- @treturn ?table list -> {{index, limit, step},...}, with `limit` if it was
--   counted in advance; false for a list where a loop is anywhere; nil if there
--   are too many fibers
local function loops_over(lists)
    local loops, threads = {}, 0
    local function note(list, loop)
        if loop == nil or loops[list] == false then
            loops[list] = false
        else
            loops[list] = loops[list] or {}
            table.insert(loops[list], loop)
        end
    end
    local function look(thread, level, f)
        for index = 1, 250 do
            local name, value = getlocal(thread, level, index)
            if name == nil then
                return
            elseif name == '(for state)' and type(value) == 'table' and lists[value] then
                local _, generator = getlocal(thread, level, index - 1)
                if rawequal(generator, NEXT_INDEX) then
                    local _, control = getlocal(thread, level, index + 1)
                    note(value, {index = control or 0, step = 1})
                else
                    note(value, nil)
                end
            elseif name == '(for index)' then
                local _, limit = getlocal(thread, level, index + 1)
                local _, step = getlocal(thread, level, index + 2)
                for list in pairs(lists) do
                    if has_list(thread, level, f, list) then
                        note(list, {index = value, limit = limit, step = step})
                    end
                end
            end
        end
    end
    for key, thread in next, debug.getregistry() do
        if type(key) == 'number' and type(thread) == 'thread' and thread ~= coroutine.running() then
            threads = threads + 1
            if threads > THREADS then
                return nil
            end
            for level = 0, walk_lib.LEVELS do
                local info = getinfo(thread, level, 'f')
                if info == nil then
                    break
                end
                look(thread, level, info.func)
            end
        end
    end
    return loops
end

--- Whether an entry can be taken out of a list of some length.
local function is_free(loops, index, length)
    if loops == nil or loops == false then
        return loops == nil
    end
    for _, loop in ipairs(loops) do
        if loop.step < 0 then
            if loop.index > index then
                return false
            end
        elseif loop.limit ~= nil then
            if loop.limit >= length and loop.index < loop.limit then
                return false
            end
        elseif loop.index >= index and loop.index < length then
            return false
        end
    end
    return true
end

--- Puts the new entry of a list at the place of the old one.
-- @treturn ?boolean whether that was done, nil if there is nothing to be done
local function merge(item, loops)
    local list, at, again = item.list, nil, nil
    local length = #list
    for index = 1, length do
        local entry = rawget(list, index)
        if rawequal(entry, item.entry) then
            at = at or index
        elseif rawequal(item.read(entry), item.new) then
            again = index
        end
    end
    if at == nil or again == nil then
        return nil
    elseif not is_free(loops, again, length) then
        return false
    end
    rawset(list, at, rawget(list, again))
    for index = again, length do
        rawset(list, index, rawget(list, index + 1))
    end
    return true
end

--- Takes away the old one where it is no entry of a list.
local function drop(item)
    if item.around ~= nil then
        local place = item.place
        for index = 1, 60 do
            local name, value = getupvalue(item.entry, index)
            if name == nil then
                return false
            elseif index == item.way then
                debug.setupvalue(item.around, index, value)
                break
            end
        end
        return place ~= nil
    end
    rawset(item.set, item.entry, nil)
    return true
end

--- Makes one entry of two. Yields.
-- @tparam number deadline on the monotonic clock
-- @tparam function done (item, ?boolean whether it was done, nil if there was
--   nothing to do), called for each in the same slice; an item has `place`,
--   `entry`, which is the object of the place if that is an entry, and `new`
function Duplicates:resolve(deadline, done)
    local items = self.items
    deadline = math.min(deadline, clock.monotonic() + PATIENCE)
    while #items > 0 do
        local lists, moved, rest = {}, 0, {}
        for _, item in ipairs(items) do
            if item.list ~= nil and moved < MOVED then
                moved = moved + math.min(#item.list, ENTRIES)
                lists[item.list] = true
            end
        end
        local loops = next(lists) and loops_over(lists)
        local is_late = clock.monotonic() > deadline
        for _, item in ipairs(items) do
            local result
            if item.list == nil then
                result = drop(item)
            elseif loops == nil or not lists[item.list] then
                result = false
            else
                result = merge(item, loops[item.list])
            end
            if result == false and not is_late then
                table.insert(rest, item)
            else
                done(item, result)
            end
        end
        items = rest
        if #items > 0 then
            fiber.sleep(0.001)
        end
    end
    self.items = {}
end

jit.off(true, true)

return {new = new}
