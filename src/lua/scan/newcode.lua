--- Places that new code itself holds, in its variables or in what its module has.
--
-- It got hold of an old function somewhere, often to put one of its own around
-- it. To replace the old one by its counterpart would make the wrapper call
-- itself, and to leave it makes one layer more with each reload. But the old
-- function is such a wrapper too, and has in the same variable what the new one
-- would have found without it.

local require = ...
local generations = require('reload.generations')
local match = require('scan.match')
local stand_ins = require('scan.stand_ins')
local walk_lib = require('scan.heap_walk')

-- How far new code is looked for on the way to a place.
local HOLDERS = 50
-- Layers of old wrappers.
local LAYERS = 50
local UPVALUES = 255

--- A step on the way to a place, as `match.follow` takes it.
-- @treturn ?table nil if that is none that another thing could have too
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

--- The new code that holds a place.
-- @tparam table place
-- @tparam table walk that has found it
-- @tparam table counterparts
-- @treturn {table,...} the nearest first, empty if there is none: `f`, a function,
--   or `module`, a name; `steps`, the way from there to the place, nil if it
--   cannot be gone elsewhere
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

--- What a thing has at the end of a way.
-- @treturn boolean whether there is such a place
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

--- What the old code had where new code has an old function, behind all layers
-- of its wrappers.
-- @treturn boolean whether that is known
-- @treturn ?function
local function find_behind(place, holder, registry, counterparts)
    local steps, is_there, value = holder.steps, nil, nil
    if steps == nil or #steps == 0 then
        return false
    elseif holder.module ~= nil then
        is_there, value = look(counterparts:old_value(holder.module), steps)
    elseif counterparts:is_same_module(counterparts:unit_of(holder.f), place.source) then
        is_there, value = look(place.value, steps)
    end
    for _ = 1, LAYERS do
        if not is_there or value ~= nil and type(value) ~= 'function' then
            return false
        elseif value == nil then
            return holder.f ~= nil, nil
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
            is_there, value = look(value, steps)
        end
    end
    return false
end

--- What new code would have found at the place if the old function had not been
-- there.
-- @tparam table place with an old function
-- @tparam {table,...} holders see `holders_of`
-- @tparam table registry
-- @tparam table counterparts
-- @treturn boolean whether that is known
-- @treturn ?function
local function unwrap(place, holders, registry, counterparts)
    for _, holder in ipairs(holders) do
        local is_known, value = find_behind(place, holder, registry, counterparts)
        if is_known then
            return true, value
        end
    end
    return false
end

return {holders_of = holders_of, unwrap = unwrap}
