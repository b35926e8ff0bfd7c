--- Puts the function or table of the new generation into places that hold the one
-- of an old generation. Nothing is guessed: a place that cannot be patched
-- exactly is left as it is, with a reason.

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
        return false, 'a loop is running over it'
    end
    debug.setlocal(place.object, place.key.level, place.key.index, new)
    return true
end

function patchers.frame()
    return false, 'it is running'
end

--- What a table has under a function, a rock may have computed from it. So a key
-- is not moved, but for what a module has in a table of its own, where the new
-- one has the same. But where the new function is a key too, new code has put it
-- there, and the old one goes. A loop that runs over the table does not mind.
function patchers.key(place, new)
    local object, value, twin = place.object, rawget(place.object, place.value), place.twin
    local is_there = rawget(object, new) ~= nil
    if not is_there and (twin == nil or rawget(twin, new) == nil) then
        return false, 'the new code has registered none of its own'
    elseif not is_there and place.is_iterated then
        return false, 'a loop is running over the table'
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
--   a loop is running over it
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
