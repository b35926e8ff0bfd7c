--- Patches references: replaces an old function or table with a new one. If a
-- reference cannot be patched safely, leaves it unchanged and returns the reason.

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

--- Patches a table key that is an old function or table. The parameter `new`
-- is the new key.
--
-- If the table already contains the new key, only removes the old key. This does not
-- disturb a loop over the table.
--
-- If the table does not contain the new key yet, replaces the old key with the new one,
-- but only if the table's counterpart contains the new key. Any other table keeps the
-- old key, because the value of the entry may have been computed from its key.
function patchers.key(place, new)
    local object, value, counterpart = place.object, rawget(place.object, place.value), place.counterpart
    local is_there = rawget(object, new) ~= nil
    if not is_there and (counterpart == nil or rawget(counterpart, new) == nil) then
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

--- Patches one reference. Does not yield.
-- @tparam table place {kind, key, object, value}, see `heap_walk`. A place of the
--   kind `key` has two more fields:
--   counterpart (optional): counterpart of the table
--   is_iterated: whether a loop may be iterating over the table
-- @tparam function|table new the new value of the reference
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] string why the reference was not patched
local function patch(place, new)
    local ok, result, why = pcall(patchers[place.kind], place, new)
    if not ok then
        return false, tostring(result)
    end
    return result, why
end

return {patch = patch}
