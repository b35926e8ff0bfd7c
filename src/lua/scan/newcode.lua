--- Analyses places in variables or in the module of new code.

local require = ...
local generations = require('code.generations')
local match = require('scan.match')
local stand_ins = require('scan.stand_ins')
local walk_lib = require('scan.heap_walk')

-- How many steps are followed to find the new code that holds a place.
local HOLDERS = 50
-- Maximum number of nested old wrappers.
local LAYERS = 50
local UPVALUES = 255

--- A step on the path to a place, as for `match.follow`.
-- @treturn ?table nil if the step exists only for this object
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

--- Returns the new code that holds a place.
-- @tparam table place
-- @tparam table walk that has found it
-- @tparam table counterparts
-- @treturn {table,...} the nearest first, empty if there is none: `f`, a function,
--   or `module`, a name; `steps`, the path from there to the place, nil if it
--   cannot be followed from another object
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
            if not rawequal(place.object, object) and counterparts:is_replaced(key_before) then
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

--- Follows a path from a value.
-- @treturn boolean whether the place exists
-- @return its value
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
-- @treturn ?function
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

--- Skips wrappers of other modules: goes from an old function that new code holds
-- inwards, to the first one of the same module or one that is not old.
-- @return nil if a wrapper holds no function, or several
local function skip_others(f, module_source, registry, counterparts)
    for _ = 1, LAYERS do
        if f == nil or generations.classify(registry, f) ~= 'stale'
            or counterparts:is_same_module(module_source, counterparts:unit_of(f)) then
            return f
        end
        f = only_function(f)
    end
    return nil
end

--- What the old code had where new code has an old function, behind all layers
-- of its wrappers.
-- @treturn boolean whether that is known
-- @return
-- @treturn ?function if it is not: the innermost of the layers that is an old wrapper
local function find_behind(place, holder, registry, counterparts)
    local steps, is_there, value, innermost = holder.steps, true, place.value, nil
    if steps == nil or #steps == 0 then
        return false
    elseif holder.module ~= nil then
        is_there, value = look(counterparts:old_value(holder.module), steps)
    end
    for _ = 1, LAYERS do
        if not is_there then
            return false, nil, innermost
        elseif type(value) ~= 'function' then
            -- What was wrapped need not be a function: `__index` can be a table.
            return holder.f ~= nil and not counterparts:is_old_table(value), value
        end
        local class = generations.classify(registry, value)
        if class == 'ours' then
            value = stand_ins.original_of(value)
            is_there = value ~= nil
        elseif class ~= 'stale' then
            return not counterparts:is_newest(value), value
        elseif holder.module ~= nil then
            return false
        else
            local source = counterparts:unit_of(holder.f)
            local next_one = skip_others(value, source, registry, counterparts)
            local is_stale = next_one ~= nil and generations.classify(registry, next_one) == 'stale'
            -- If the module itself had wrapped nothing there, it is something else.
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

--- What new code would have found at the place if the old function had not been
-- there.
-- @tparam table place with an old function
-- @tparam {table,...} holders see `holders_of`
-- @tparam table registry see `core.registry`
-- @tparam table counterparts
-- @treturn boolean whether that is known
-- @return
-- @treturn ?function if it is not: an old function that is wrapped by fewer others
local function unwrap(place, holders, registry, counterparts)
    local fewer
    for _, holder in ipairs(holders) do
        local is_known, value, innermost = find_behind(place, holder, registry, counterparts)
        if is_known then
            return true, value
        end
        fewer = fewer or innermost
    end
    return false, nil, fewer
end

return {holders_of = holders_of, unwrap = unwrap}
