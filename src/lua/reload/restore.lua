--- Removes a reference to failed code: restores what its slot held before new code ran. A
-- table field, upvalue, metatable or environment gets its former value. A new key is removed
-- from its table. A new entry is removed from its list, and later entries move down.

local require = ...
local ffi = require('ffi')
local lists = require('reload.lists')
local walk_lib = require('scan.heap_walk')

-- Maximum number of table entries that `restore_marked` examines for one restored value.
local ENTRIES = 1000
-- Maximum depth to which `restore_marked` examines the tables in a restored value.
local MARKED_DEPTH = 3

--- Repairs a former value that was put back into its slot, and the objects that it contains.
-- When new code replaced the value, a library may have disabled it by setting another
-- metatable and removing fields. Restores the former metatable and the removed fields.
-- @tparam table image see `image`
-- @param object the former value
-- @tparam number depth to which contained objects are examined
-- @tparam table budget {left = number of entries that may still be examined}
local function restore_marked(image, object, depth, budget)
    local record = type(object) == 'table' and image:find(object)
    if not record or record.entries == nil then
        return
    end
    local is_marked = not rawequal(debug.getmetatable(object), record.metatable)
    if is_marked then
        debug.setmetatable(object, record.metatable)
    end
    for key, value in next, record.entries do
        budget.left = budget.left - 1
        if budget.left < 0 then
            break
        elseif is_marked and rawget(object, key) == nil then
            rawset(object, key, value)
        end
        if depth > 0 then
            restore_marked(image, value, depth - 1, budget)
        end
    end
end

--- Removes a reference that is a table entry: restores the former value of the entry, or
-- removes the entry if it is new.
-- @tparam table image see `image`
-- @tparam table edge the reference, see `restore`
-- @tparam table record what the table held according to the image
-- @tparam {table,...} waiting see `restore`
-- @treturn boolean false if the table is a list over which a loop may be iterating, so that
--   the entry cannot be removed yet
local function restore_field(image, edge, record, waiting)
    local object = edge.object
    local key = lists.index_of(object, edge.key, edge.child)
    if key == nil then
        return true
    end
    local before = record.entries[key]
    local is_list = type(key) == 'number' and (key == 1 or rawget(object, key - 1) ~= nil)
    local is_last = not is_list or rawget(object, key + 1) == nil
    if before ~= nil and not (is_list
        and lists.count_equivalents(object, before) >= lists.count_equivalents(record.entries, before)) then
        rawset(object, key, before)
        restore_marked(image, before, MARKED_DEPTH, {left = ENTRIES})
    elseif is_last then
        rawset(object, key, nil)
    elseif lists.is_in_use(object) then
        table.insert(waiting, object)
        return false
    else
        lists.close_gap(object, key)
    end
    return true
end

--- Removes a reference: restores what its slot held before new code ran.
-- @tparam table image see `image`
-- @tparam table edge the reference, see `edge_of` in `reload.sweep`
-- @tparam {table,...} waiting collects the lists from which an entry cannot be removed
--   yet, because a loop may be iterating over the list
-- @treturn boolean false if the reference was not removed
local function restore(image, edge, waiting)
    local object, key, child = edge.object, edge.key, edge.child
    if edge.root ~= nil then
        return edge.root.set ~= nil and pcall(edge.root.set, nil, child)
    end
    local record = image:find(object)
    if rawequal(object, debug.getfenv(ffi.metatype)) or type(object) == 'thread' and key ~= walk_lib.ENVIRONMENT
        or object == debug.getregistry() and type(key) == 'number' then
        return false
    elseif key == walk_lib.METATABLE then
        if rawequal(debug.getmetatable(object), child) then
            debug.setmetatable(object, record.metatable)
        end
    elseif key == walk_lib.ENVIRONMENT then
        if rawequal(debug.getfenv(object), child) then
            debug.setfenv(object, record.environment)
        end
    elseif type(object) == 'function' then
        local _, value = debug.getupvalue(object, key)
        if rawequal(value, child) then
            debug.setupvalue(object, key, record.upvalues[key])
        end
    elseif type(object) ~= 'table' or record.entries == nil then
        return false
    elseif key == walk_lib.KEY then
        rawset(object, child, nil)
    else
        return restore_field(image, edge, record, waiting)
    end
    return true
end

return restore
