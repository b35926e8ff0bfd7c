--- Compares, searches and changes lists over which other code may be iterating.

local require = ...
local ownership = require('code.ownership')

-- Maximum number of list entries to examine: `LIST` when searching for a value, `COMPARED`
-- when comparing the functions in the entries. Comparing takes longer.
local LIST, COMPARED = 10000, 1000
-- Maximum number of stack frames in which `is_in_use` looks for loops. The number is
-- limited because the function does not yield.
local FRAMES = 3000

--- Returns whether two values were probably registered by the same code: they are the same
-- value, closures of the same prototype (compiled function), or tables with such closures
-- in the same fields.
local function is_equivalent(a, b)
    if rawequal(a, b) or type(a) == 'function' and ownership.is_same(a, b) then
        return true
    elseif type(a) ~= 'table' or type(b) ~= 'table' then
        return false
    end
    local has_function = false
    for key, value in next, a do
        if type(value) == 'function' then
            has_function = true
            if not ownership.is_same(value, rawget(b, key)) then
                return false
            end
        end
    end
    return has_function
end

--- Counts the entries of a list that are equivalent to a value, see `is_equivalent`.
local function count_equivalents(list, wanted)
    local count = 0
    for index = 1, COMPARED do
        local value = rawget(list, index)
        if value == nil then
            break
        elseif is_equivalent(value, wanted) then
            count = count + 1
        end
    end
    return count
end

--- Returns the current key of a value in a table. If the key was a number, searches up to
-- `LIST` list entries, because the value may have moved to another index.
-- @tparam table object
-- @param key the key that the value had before
-- @param value
-- @return the current key; nil if the value was not found
local function index_of(object, key, value)
    if rawequal(rawget(object, key), value) then
        return key
    end
    for index = 1, type(key) == 'number' and LIST or 0 do
        local other = rawget(object, index)
        if other == nil then
            break
        elseif rawequal(other, value) then
            return index
        end
    end
    return nil
end

--- Returns whether a stack frame may be in a loop over a table. Detects loops that use
-- `pairs` or `ipairs`, and numeric `for` loops in a function that has the table in a
-- variable.
-- @tparam thread thread
-- @tparam number level of the frame
-- @tparam function f the function in the frame
-- @tparam table object
local function loops_over(thread, level, f, object)
    local counts, refers, index = false, false, 1
    while true do
        local name, value = debug.getlocal(thread, level, index)
        if name == nil then
            break
        elseif name == '(for index)' then
            counts = true
        elseif rawequal(value, object) then
            refers = true
            if name == '(for state)' then
                return true
            end
        end
        index = index + 1
    end
    for upvalue = 1, counts and not refers and 255 or 0 do
        local name, value = debug.getupvalue(f, upvalue)
        if name == nil then
            break
        end
        refers = refers or rawequal(value, object)
    end
    return counts and refers
end

--- Returns whether another coroutine may be in a loop over a list. Moving an entry of the
-- list could then disturb the loop. Does not yield.
-- @tparam table object the list
-- @treturn boolean also true if there are too many stack frames to examine
local function is_in_use(object)
    local frames = 0
    for key, thread in next, debug.getregistry() do
        local level = 0
        while type(key) == 'number' and type(thread) == 'thread' and thread ~= coroutine.running() do
            local info = debug.getinfo(thread, level, 'f')
            if info == nil then
                break
            end
            frames = frames + 1
            if frames > FRAMES or loops_over(thread, level, info.func, object) then
                return true
            end
            level = level + 1
        end
    end
    return false
end

--- Removes an entry from a list, and moves all later entries down by one index.
local function close_gap(object, index)
    local value
    repeat
        value = rawget(object, index + 1)
        rawset(object, index, value)
        index = index + 1
    until value == nil
end

return {
    COMPARED = COMPARED,
    close_gap = close_gap,
    count_equivalents = count_equivalents,
    index_of = index_of,
    is_equivalent = is_equivalent,
    is_in_use = is_in_use,
}
