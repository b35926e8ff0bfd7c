--- Replaces old functions or tables by new ones. Nothing is guessed: a place
-- that cannot be patched exactly is left unchanged, with a reason.

local patchers = {}

function patchers.root(place, new)
    place.key.set(new, place.value)
    return true
end

function patchers.field(place, new)
    rawset(place.object, place.key, new)
    return true
end

function patchers.upvalue(place, new)
    debug.setupvalue(place.object, place.key, new)
    return true
end

function patchers.metatable(place, new)
    debug.setmetatable(place.object, new)
    return true
end

function patchers.environment(place, new)
    debug.setfenv(place.object, new)
    return true
end

patchers['local'] = function(place, new)
    if place.key.name:match('^%(for ') then
        return false, 'a loop is iterating over it'
    end
    debug.setlocal(place.object, place.key.level, place.key.index, new)
    return true
end

function patchers.frame()
    return false, 'it is running'
end

--- A rock may have computed a value from its function key. So a key is replaced
-- only in a table of its own module, if the new table has the new key too. If
-- new code has added its function to the same table, the old key is removed,
-- which does not disturb a loop over the table.
function patchers.key(place, new)
    local object, value, twin = place.object, rawget(place.object, place.value), place.twin
    local is_there = rawget(object, new) ~= nil
    if not is_there and (twin == nil or rawget(twin, new) == nil) then
        return false, 'the new code has not registered a replacement'
    elseif not is_there and place.is_iterated then
        return false, 'a loop is iterating over the table'
    end
    rawset(object, place.value, nil)
    if not is_there then
        rawset(object, new, value)
    end
    return true
end

--- Patches one place. Does not yield.
-- @tparam table place {kind, key, object, value}, see `heap_walk`; of a key also
--   `twin`, the counterpart of the table if it has one, and `is_iterated`, whether
--   a loop is iterating over it
-- @tparam function|table new
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] string why not
local function patch(place, new)
    local ok, result, why = pcall(patchers[place.kind], place, new)
    if not ok then
        return false, tostring(result)
    end
    return result, why
end

return {patch = patch}
