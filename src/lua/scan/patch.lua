--- Puts the function of the new generation into places that hold the one of an
-- old generation. Nothing is guessed: a place that cannot be mended exactly is
-- left as it is, with a reason.

-- Entries of a list that are looked at for the new function.
local LIST = 1000

--- Whether a list has a function.
local function has(list, f)
    for index = 1, LIST do
        local value = rawget(list, index)
        if value == nil then
            return false
        elseif rawequal(value, f) then
            return true
        end
    end
    return false
end

local menders = {}

function menders.root(place, new)
    place.key.set(new, place.func)
    return true
end

function menders.field(place, new)
    if type(place.key) == 'number' and not place.is_mended and has(place.object, new) then
        -- Registered again by the new code: it would be called twice.
        return false, 'the same list has the new function too'
    end
    rawset(place.object, place.key, new)
    return true
end

function menders.upvalue(place, new)
    debug.setupvalue(place.object, place.key, new)
    return true
end

menders['local'] = function(place, new)
    if place.key.name:match('^%(for ') then
        return false, 'a loop is running over it'
    end
    debug.setlocal(place.object, place.key.level, place.key.index, new)
    return true
end

function menders.frame()
    return false, 'it is running'
end

--- The table must not be walked meanwhile.
function menders.key(place, new)
    if place.is_iterated then
        return false, 'a loop is running over the table'
    end
    local object, value = place.object, rawget(place.object, place.func)
    local taken = rawget(object, new)
    if taken ~= nil and not rawequal(taken, value) then
        return false, 'the same table has the new function too'
    end
    rawset(object, place.func, nil)
    rawset(object, new, value)
    return true
end

--- Mends one place. Does not yield.
-- @tparam table place {kind, key, object, func}, see `walk`; `is_mended` if the
--   same object had another place that was mended, `is_iterated` if a loop is
--   running over the table
-- @tparam function new
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] string why not
local function mend(place, new)
    local ok, result, why = pcall(menders[place.kind], place, new)
    if not ok then
        return false, tostring(result)
    end
    return result, why
end

return {mend = mend}
