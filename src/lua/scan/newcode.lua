--- Analyses references from new code to old functions. These references are in
-- upvalues or local variables of new functions, or in values of new modules.
--
-- They often arise when new code wraps a function: it takes the function that is
-- registered somewhere, and registers a wrapper around it. After a restart of the
-- process, new code would wrap the original function. After a reload, it may wrap a
-- wrapper of the old code instead. In that case, `unwrap` finds the original
-- function inside the old wrapper.

local require = ...
local generations = require('code.generations')
local match = require('scan.match')
local stand_ins = require('scan.stand_ins')
local walk_lib = require('scan.heap_walk')

-- Maximum number of steps on the path from new code to a reference.
local HOLDERS = 50
-- Maximum number of nested old wrappers that are examined.
local LAYERS = 50
local UPVALUES = 255

--- Converts one step of a path from the format of the heap walk to that of
-- `match.follow`.
-- @param object object from which the step starts
-- @param key key of the next object, see `heap_walk`
-- @treturn ?table {kind, key}; nil if `match.follow` does not support the step
local function step_from(object, key)
    if type(object) == 'function' then
        local name = type(key) == 'number' and debug.getupvalue(object, key)
        return name and name ~= '' and {match.UPVALUE, name} or nil
    elseif type(object) ~= 'table' or key == walk_lib.KEY or key == walk_lib.ENVIRONMENT then
        return nil
    elseif key == walk_lib.METATABLE then
        return {match.METATABLE}
    end
    return {match.FIELD, key}
end

--- Returns the holders of a reference: the new functions and modules on the path by
-- which the walk found it.
-- @tparam table place the reference
-- @tparam table walk see `heap_walk`
-- @tparam table counterparts see `counterparts`
-- @treturn {table,...} the holders, the nearest first:
--   f: the function; nil for a module
--   module: name of the module; nil for a function
--   steps: path from the holder to the reference; nil if `match.follow` does not
--     support one of the steps
local function holders_of(place, walk, counterparts)
    local holders, object = {}, place.object
    if place.kind == 'local' then
        return {counterparts:is_newest(place.key.func) and {f = place.key.func} or nil}
    elseif place.kind == 'root' or place.kind == 'frame' then
        return holders
    end
    local steps = {place.kind ~= 'key' and step_from(object, place.key) or nil}
    local is_whole = #steps == 1
    local number, key_before = place.number, place.key
    for _ = 1, HOLDERS do
        if type(object) == 'function' and counterparts:is_newest(object) then
            table.insert(holders, {f = object, steps = is_whole and table.copy(steps) or nil})
        elseif rawequal(object, package.loaded) then
            if not rawequal(place.object, object) and counterparts.modules:is_replaced(key_before) then
                table.remove(steps, 1)
                table.insert(holders, {module = key_before, steps = is_whole and steps or nil})
            end
            return holders
        end
        local _, parent, key = walk:at(number)
        if parent < 0 then
            return holders
        end
        object = walk:at(parent)
        local step = step_from(object, key)
        is_whole = is_whole and step ~= nil
        table.insert(steps, 1, step)
        number, key_before = parent, key
    end
    return holders
end

local function has_upvalue(f, wanted)
    for index = 1, UPVALUES do
        local name = debug.getupvalue(f, index)
        if name == nil or name == wanted then
            return name ~= nil
        end
    end
    return false
end

--- Follows a path that starts at a function or table.
-- @param thing the function or table
-- @tparam {{kind, key},...} steps the path
-- @treturn boolean whether the path exists
-- @return the value at the end of the path
local function look(thing, steps)
    for i, step in ipairs(steps) do
        if i == #steps and step[1] == match.UPVALUE and type(thing) == 'function' and has_upvalue(thing, step[2]) then
            return true, match.follow(thing, step[1], step[2])
        end
        thing = match.follow(thing, step[1], step[2])
        if thing == nil then
            return false, nil
        end
    end
    return true, thing
end

--- Returns the function in the upvalues of a wrapper, if there is exactly one.
-- @treturn ?function nil if the upvalues contain no function, or several
local function only_function(f)
    local found
    for index = 1, UPVALUES do
        local name, value = debug.getupvalue(f, index)
        if name == nil then
            break
        elseif type(value) == 'function' and not rawequal(value, found) then
            if found ~= nil then
                return nil
            end
            found = value
        end
    end
    return found
end

--- Skips old wrappers that belong to other modules. Starts with the function `f`. As
-- long as the current function is old code of another module, continues with the
-- function that it wraps. Ends at the first function that is not old, or that
-- belongs to the given module.
-- @tparam ?function f
-- @tparam string module_source unit of the module
-- @treturn ?function nil if a wrapper is found whose wrapped function is unknown, or if
--   there are too many wrappers
local function skip_others(f, module_source, stash, counterparts)
    for _ = 1, LAYERS do
        if f == nil or generations.classify(stash, f) ~= 'stale'
            or counterparts.modules:is_same(module_source, counterparts:unit_of(f)) then
            return f
        end
        f = only_function(f)
    end
    return nil
end

--- Finds the original value inside an old wrapper, if new code refers to the wrapper.
-- The value may be inside several nested wrappers.
-- @tparam table place the reference to the old wrapper
-- @tparam table holder the new code that contains the reference, see `holders_of`
-- @treturn boolean whether the original value is known
-- @return the original value
-- @treturn ?function if the value is unknown, the innermost old wrapper that was found
local function find_behind(place, holder, stash, counterparts)
    local steps, is_there, value, innermost = holder.steps, true, place.value, nil
    if steps == nil or #steps == 0 then
        return false
    elseif holder.module ~= nil then
        is_there, value = look(counterparts.modules:old_value(holder.module), steps)
    end
    for _ = 1, LAYERS do
        if not is_there then
            return false, nil, innermost
        elseif type(value) ~= 'function' then
            -- The wrapped value need not be a function: for example, `__index` can be
            -- a table.
            return holder.f ~= nil and not counterparts:is_old_table(value), value
        end
        local class = generations.classify(stash, value)
        if class == 'ours' then
            value = stand_ins.original_of(value)
            is_there = value ~= nil
        elseif class ~= 'stale' then
            return not counterparts:is_newest(value), value
        elseif holder.module ~= nil then
            return false
        else
            local source = counterparts:unit_of(holder.f)
            local next_one = skip_others(value, source, stash, counterparts)
            local is_stale = next_one ~= nil and generations.classify(stash, next_one) == 'stale'
            -- If none of the wrappers belongs to the old code of this module, the
            -- original value is unknown.
            if next_one == nil or not is_stale and innermost == nil then
                return false, nil, innermost
            elseif is_stale then
                innermost = next_one
                is_there, value = look(next_one, steps)
            else
                value = next_one
            end
        end
    end
    return false
end

--- Finds the value that a place in new code would hold if the process were restarted.
-- @tparam table place the place, which refers to an old function
-- @tparam {table,...} holders the new code that contains the reference, see
--   `holders_of`
-- @tparam table stash see `core.stash`
-- @tparam table counterparts see `counterparts`
-- @treturn boolean whether the value is known
-- @return the value
-- @treturn ?function if the value is unknown, the innermost old wrapper that was found.
--   The caller may put it into the place, to drop the wrappers around it.
local function unwrap(place, holders, stash, counterparts)
    local fewer
    for _, holder in ipairs(holders) do
        local is_known, value, innermost = find_behind(place, holder, stash, counterparts)
        if is_known then
            return true, value
        end
        fewer = fewer or innermost
    end
    return false, nil, fewer
end

return {holders_of = holders_of, unwrap = unwrap}
