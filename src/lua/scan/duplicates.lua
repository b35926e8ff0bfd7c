--- Removes old registrations that new code has repeated.
--
-- After a reload, a library that keeps callbacks in a list has both the old and the
-- new callback, and would call both. After a restart of the process, it would have
-- only the new one. So the old entry is removed, and the new entry takes its position
-- in the list.
--
-- Removing an entry shortens the list, so a loop over the list could skip an entry or
-- run past the end. The change is therefore made only if it disturbs no loop.
-- `registrations` defines what an entry is.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local registrations = require('scan.registrations')
local stacks = require('platform.stacks')

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- The search for loops over a list does not yield, so it is limited. THREADS: maximum
-- number of fibers to search. FIELDS: maximum number of fields to examine in a table
-- that may contain the list.
local THREADS, FIELDS = 1000, 100
-- When the removals may move this many list entries, no further list is changed before
-- the next yield.
local MOVED = 20000
-- Maximum time to wait for the end of loops that prevent a removal, in seconds.
local PATIENCE = 0.2

-- The iterator function that `ipairs` returns.
local NEXT_INDEX = ipairs({})

local Duplicates = {}
Duplicates.__index = Duplicates

--- Creates an empty collection of registrations to remove.
-- @tparam table locator finds registrations, see `registrations`
local function new(locator)
    return setmetatable({locator = locator, items = {}}, Duplicates)
end

--- Whether new code has repeated an old registration. If so, records the old
-- registration for `resolve`, which removes it. Does not yield.
-- @tparam table place the reference to an old function or table
-- @tparam function|table value counterpart of the old function or table
-- @tparam table walk the walk that has found the reference
-- @treturn boolean
function Duplicates:note(place, value, walk)
    local found = self.locator:locate(place, walk)
    if found == nil or not self.locator:take(found, place.value, value) then
        return false
    end
    found.place, found.new = place, value
    table.insert(self.items, found)
    return true
end

--- Whether a function on a stack may be using a list: one of its local variables or
-- upvalues contains the list, or a table with the list in a field.
-- @tparam thread thread the coroutine with the stack
-- @tparam number level level of the frame
-- @tparam function f the function
-- @tparam table list
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

--- Finds the loops that may be iterating over any of the given lists.
-- @tparam table lists set of lists
-- @treturn[1] table list -> positions of the loops over it, {{index, limit, step},...};
--   false instead of the positions if one of them is unknown. `limit` is nil for a loop
--   with `ipairs`.
-- @treturn[2] nil if there are too many fibers to search
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
            for level = 0, stacks.LEVELS do
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

--- Whether an entry can be removed from a list without disturbing a loop over the
-- list.
-- @tparam ?table|boolean loops result of `loops_over` for the list
-- @tparam number index index of the entry
-- @tparam number length length of the list
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

--- Moves the new entry of a list to the position of the old entry, which is removed.
-- @tparam table item the old registration, as recorded by `note`
-- @tparam ?table|boolean loops result of `loops_over` for the list
-- @treturn ?boolean true if the entry was moved; false if the move could disturb a
--   loop over the list; nil if one of the entries no longer exists
local function merge(item, loops)
    local list, at, again = item.holder, nil, nil
    local length = #list
    for index = 1, length do
        local entry = rawget(list, index)
        if rawequal(entry, item.entry) then
            at = at or index
        elseif rawequal(registrations.read(entry, item.steps), item.new)
        and registrations.texts_of(entry, item.steps) == item.texts then
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

--- Removes an old registration from a map, a set or a chain of closures.
-- @tparam table item the old registration, as recorded by `note`
-- @treturn ?boolean true if the registration was removed; nil if it no longer
--   exists
local function drop(item)
    if item.kind == 'around' then
        debug.setupvalue(item.holder, item.key, select(2, getupvalue(item.entry, item.key)))
    elseif item.kind == 'map' then
        if not rawequal(rawget(item.holder, item.key), item.entry) then
            return nil
        end
        rawset(item.holder, item.key, nil)
    else
        rawset(item.holder, item.entry, nil)
    end
    return true
end

--- Removes the registrations that `note` has recorded. Yields.
-- @tparam number deadline in seconds, on the monotonic clock
-- @tparam function done (item, result), called once for each registration, without a
--   yield after its removal. `item` has `place` and `new`, as passed to `note`, and
--   the old `entry`. `result` is true if the registration was removed. It is false
--   if time ran out before it was certain that the removal would disturb no loop. It is
--   nil if the old registration, or the new one in the same list, no longer existed.
function Duplicates:resolve(deadline, done)
    -- Remove nested wrappers from the inside out. The walk has found them from the
    -- outside in.
    local items, others = {}, {}
    for index = #self.items, 1, -1 do
        if self.items[index].kind == 'around' then
            table.insert(others, self.items[index])
        end
    end
    for _, item in ipairs(self.items) do
        if item.kind == 'list' then
            table.insert(items, item)
        elseif item.kind ~= 'around' then
            table.insert(others, item)
        end
    end
    for _, item in ipairs(others) do
        done(item, drop(item))
    end
    deadline = math.min(deadline, clock.monotonic() + PATIENCE)
    while #items > 0 do
        local lists, moved, rest = {}, 0, {}
        for _, item in ipairs(items) do
            if moved < MOVED then
                moved = moved + math.min(#item.holder, registrations.ENTRIES)
                lists[item.holder] = true
            end
        end
        local loops = loops_over(lists)
        local is_late = clock.monotonic() > deadline
        for _, item in ipairs(items) do
            local result = false
            if loops ~= nil and lists[item.holder] then
                result = merge(item, loops[item.holder])
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
