--- Merges duplicate registrations after a failed reload. A restarted old role registers its
-- callbacks again. If the registrations from its first start still exist, the new ones are
-- duplicates.
--
-- A registration has one of these forms: an entry of a list, an entry under a generated
-- key, a table key that is the callback itself, or a closure of a library around the
-- callback. Of two duplicates, the later one is kept, because it belongs to the state of
-- the restarted role. In a list, it takes the position of the earlier one, so that the
-- order does not change.

local require = ...
local lists = require('reload.lists')
local registrations = require('scan.registrations')
local yield = require('core.yield')

-- Maximum number of upvalues to examine in one closure.
local UPVALUES = 60

--- Returns whether a value belongs to old code of the application: it is an old function, a
-- closure around an old function, or a table that contains one of these.
local function is_of_application(ownership, value)
    if type(value) == 'function' then
        return ownership:wraps_old(value)
    end
    for _, field in next, type(value) == 'table' and value or {} do
        if type(field) == 'function' and ownership:wraps_old(field) then
            return true
        end
    end
    return false
end

--- Records the entries that tables have gained since the image was taken. Called before old
-- roles restart. Until then, all new entries come from requests, so `run` must not merge
-- these entries. Yields.
-- @tparam table image see `image`
-- @treturn table object -> set of its new entries. Entries with number keys are represented
--   by their values, other entries by their keys.
local function note(image)
    local noted = setmetatable({}, {__mode = 'k'})
    for _, shard in pairs(image.shards) do
        for object, record in pairs(shard) do
            local left = lists.COMPARED
            for key, value in next, type(object) == 'table' and record.entries and object or {} do
                left = left - 1
                if left == 0 then
                    break
                elseif not rawequal(record.entries[key], value) then
                    noted[object] = noted[object] or {}
                    noted[object][type(key) == 'number' and value or key] = true
                end
            end
            yield.if_due()
        end
    end
    return noted
end

--- Merges the first pair of duplicate entries in a list.
-- @treturn boolean whether a pair was found
local function merge_entry(ownership, list, entries, noted)
    for index = 2, lists.COMPARED do
        local value = rawget(list, index)
        if value == nil then
            break
        end
        local is_added = not rawequal(entries[index], value) and not noted[value]
            and is_of_application(ownership, value)
        for first = 1, is_added and index - 1 or 0 do
            local other = rawget(list, first)
            if rawequal(entries[first], other) and lists.is_equivalent(other, value)
                and lists.count_equivalents(list, value) > lists.count_equivalents(entries, value)
                and (rawget(list, index + 1) == nil or not lists.is_in_use(list)) then
                rawset(list, first, value)
                lists.close_gap(list, index)
                return true
            end
        end
    end
    return false
end

--- Returns what a table entry registers: the key if it is a function, or the value if the
-- key is a number or a generated name. Returns nil for any other key: a second registration
-- under a plain name replaces the first, so there can be no duplicates.
local function registered(key, value)
    if type(key) == 'function' then
        return key
    end
    return (type(key) == 'number' or registrations.pattern_of(key) ~= nil) and value or nil
end

--- Returns whether a table is a list: all its number keys are indexes from 1 to its length.
local function is_list(object)
    local length = #object
    for key in next, object do
        if type(key) == 'number' and (key < 1 or key > length) then
            return false
        end
    end
    return length > 0
end

--- Lists the registrations that restarted roles have added to a table.
-- @treturn {{key, part},...} the key of each entry, and what `registered` returns for the
--   entry. Empty if the table has too many entries.
local function added_to(ownership, object, entries, noted)
    local added, left = {}, lists.COMPARED
    for key, value in next, object do
        left = left - 1
        local part = registered(key, value)
        if left == 0 then
            return {}
        elseif part ~= nil and entries[key] == nil and not noted[type(key) == 'number' and value or key]
            and is_of_application(ownership, part) then
            table.insert(added, {key = key, part = part})
        end
    end
    return added
end

--- Merges duplicate registrations in a table that is not a list. For each registration that
-- a restarted role has added, removes an earlier registration by the same code.
-- @treturn number how many registrations were removed
local function merge_keys(ownership, object, entries, noted)
    local added, count = added_to(ownership, object, entries, noted), 0
    if #added == 0 or type(added[1].key) == 'number' and is_list(object) then
        return 0
    end
    for _, item in ipairs(added) do
        for key, value in next, entries do
            if rawequal(rawget(object, key), value) and lists.is_equivalent(registered(key, value), item.part)
                and registrations.pattern_of(key) == registrations.pattern_of(item.key) then
                rawset(object, key, nil)
                count = count + 1
                break
            end
        end
    end
    return count
end

--- Removes a duplicate from a chain of closures. Some libraries register a callback by
-- putting a closure around the previously registered closure. If the same code registers
-- its callback twice in a row, the two outermost closures are duplicates. The inner one is
-- removed.
-- @param value the closure that a table field or upvalue holds now
-- @param before the closure that it held when the image was taken
-- @treturn boolean whether a closure was removed
local function merge_layers(ownership, value, before)
    if type(value) ~= 'function' or rawequal(value, before) or not lists.is_equivalent(value, before) then
        return false
    end
    local link, is_twin = nil, false
    for index = 1, UPVALUES do
        local name, part = debug.getupvalue(value, index)
        local _, other = debug.getupvalue(before, index)
        if name == nil then
            break
        elseif rawequal(part, before) then
            link = index
        elseif type(part) == 'function' and not rawequal(part, other) then
            if not lists.is_equivalent(part, other) or not ownership:wraps_old(part) then
                return false
            end
            is_twin = true
        end
    end
    if link == nil or not is_twin then
        return false
    end
    debug.setupvalue(value, link, select(2, debug.getupvalue(before, link)))
    return true
end

--- Removes duplicate closures from the table fields or upvalues of an object, see
-- `merge_layers`.
-- @tparam table record what the object held according to the image
-- @treturn number how many closures were removed
local function merge_slots(ownership, object, record)
    local count = 0
    for key, before in next, record.entries or {} do
        if type(before) == 'function' and merge_layers(ownership, rawget(object, key), before) then
            count = count + 1
        end
    end
    for index, before in next, record.upvalues or {} do
        local _, now = debug.getupvalue(object, index)
        if type(before) == 'function' and merge_layers(ownership, now, before) then
            count = count + 1
        end
    end
    return count
end

--- Merges the duplicate registrations in all objects of the image. Yields.
-- @tparam table image see `image`
-- @tparam table noted result of `note`
-- @tparam table ownership see `code.ownership`
-- @tparam {string,...} undone a line is appended for each removed registration
local function run(image, noted, ownership, undone)
    local is_changed = false
    for _, shard in pairs(image.shards) do
        for object, record in pairs(shard) do
            local entries = type(object) == 'table' and record.entries
            local layers = merge_slots(ownership, object, record)
            for _ = 1, layers do
                table.insert(undone, 'a closure that was registered twice')
            end
            is_changed = is_changed or layers > 0
            if entries then
                local before = noted[object] or {}
                -- Only a list that has become longer can have duplicates.
                local length = rawget(entries, 1) ~= nil and #entries or lists.COMPARED
                while rawget(object, length + 1) ~= nil and is_list(object)
                    and merge_entry(ownership, object, entries, before) do
                    table.insert(undone, 'a list entry that was registered twice')
                end
                for _ = 1, merge_keys(ownership, object, entries, before) do
                    table.insert(undone, 'a table key that was registered twice')
                end
            end
            yield.if_due()
        end
    end
    if is_changed then
        -- Discard compiled traces, because they treat an upvalue that is never reassigned as
        -- a constant.
        jit.flush()
    end
end

return {note = note, run = run}
