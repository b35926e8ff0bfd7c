--- Analyses references from new code to old functions: in an upvalue or local
-- variable of a new function, or in the value of a new module.
--
-- Such a reference often arises by wrapping: new code takes the function that is
-- registered somewhere, and registers a wrapper around it. After a reload, that
-- function may be a wrapper of the old code. After a restart of the process, it
-- would have been the function that the old wrapper contains. So the old wrapper is
-- replaced by that function.

local require = ...
local generations = require('code.generations')
local match = require('scan.match')
local stand_ins = require('scan.stand_ins')
local walk_lib = require('scan.heap_walk')

-- Maximum number of steps that are followed back from a reference to the new code
-- that holds it.
local HOLDERS = 50
-- Maximum number of nested old wrappers that are examined.
local LAYERS = 50
local UPVALUES = 255

--- Converts one step of the path that leads to a reference into the form that
-- `match.follow` takes.
-- @param object object from which the step starts
-- @param key key of the next object, see `heap_walk`
-- @treturn ?table {kind, key}; nil if the step cannot be repeated from another
--   object
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

--- Returns the functions and modules of new code on the path to a reference.
-- @tparam table place the reference
-- @tparam table walk the walk that has found the reference
-- @tparam table counterparts see `counterparts`
-- @treturn {table,...} the nearest first:
--   f: optional: the function
--   module: name of the module, if `f` is not set
--   steps: path from there to the reference; nil if the path cannot be followed from
--     another object
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

--- Follows a path from a function or table.
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

--- Returns the only function in the upvalues of a wrapper.
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

--- Skips wrappers of other modules. Starts with a function that new code refers to.
-- If that is an old function of another module, continues with the function that it
-- wraps. Ends at the first function that belongs to the given module or is not old.
-- @tparam ?function f the function to start with
-- @tparam string module_source unit of the module
-- @tparam table stash see `core.stash`
-- @tparam table counterparts see `counterparts`
-- @treturn ?function nil if the function in one of the wrappers is unknown
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

--- If new code refers to a wrapper made by old code, finds the original value
-- that the old code has wrapped. Wrappers may be nested.
-- @tparam table place the reference to the old wrapper
-- @tparam table holder the new code with the reference, see `holders_of`
-- @tparam table stash see `core.stash`
-- @tparam table counterparts see `counterparts`
-- @treturn boolean whether the value is known
-- @return the value
-- @treturn ?function if the value is unknown: the innermost old wrapper that was
--   found
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
            -- The wrapped value need not be a function. For example, an `__index`
            -- can be a table.
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
            -- If the old code of the module has not wrapped anything here, the
            -- function is not an old wrapper.
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

--- Returns the value to which new code would refer after a restart of the
-- process. Called for new code that refers to an old function after the reload.
-- @tparam table place the reference to the old function
-- @tparam {table,...} holders the new code with the reference, see `holders_of`
-- @tparam table stash see `core.stash`
-- @tparam table counterparts see `counterparts`
-- @treturn boolean whether the value is known
-- @return the value
-- @treturn ?function if the value is unknown: the innermost old wrapper that was
--   found. It can replace the old function, which removes the wrappers around it.
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
