--- Lists, sets and removes the triggers of one place. A place is what triggers are set
-- on, such as `on_replace` of a space.
--
-- Before Tarantool 3.0, a trigger is a function, and a new trigger can take the
-- position of an old one. Since 3.0, triggers have names. The default name is the
-- address of the function. A new trigger takes the position of the trigger with the
-- same name. If there is none, the new trigger becomes the first to run. So if a trigger
-- is replaced with one that has a different name, all triggers that were set later must
-- be set again to keep the order.
--
-- A place is represented by a table with
--   original   the function that sets triggers: Tarantool's own, or a closure that calls
--              the functions of the `trigger` module
--   is_method  true if `original` is a method
--   holder     the object of which `original` is a method, if `is_method` is true
--   full_name  the name of the event, since Tarantool 3.0
--
-- A trigger is represented by a table with the function `f` and, since Tarantool 3.0,
-- `name`. Lists are in the order in which triggers were set. No function in this file
-- yields.

local require = ...

-- Before Tarantool 3.0, `require('trigger')` could load one of the application's modules.
local HAS_NAMES = tonumber(_TARANTOOL:match('^%d+')) >= 3

local module

--- Returns Tarantool's built-in `trigger` module, which sets and lists triggers by event
-- name.
-- @treturn ?table nil before Tarantool 3.0
local function names_module()
    if HAS_NAMES and module == nil then
        module = require('trigger')
    end
    return module
end

--- Calls the `original` function of a place.
local function call(place, ...)
    if place.is_method then
        return place.original(place.holder, ...)
    end
    return place.original(...)
end

--- Returns the triggers of a place.
-- @treturn {table,...} in the order in which they were set
local function list(place)
    local names = names_module()
    local result = {}
    if names == nil then
        local ok, functions = pcall(call, place)
        for i, f in ipairs(ok and type(functions) == 'table' and functions or {}) do
            result[i] = {f = f}
        end
        return result
    end
    local entries = names.info(place.full_name)[place.full_name] or {}
    for i = #entries, 1, -1 do
        table.insert(result, {name = entries[i][1], f = entries[i][2]})
    end
    return result
end

--- Returns whether a trigger has a name that was chosen by code, not by the server.
local function has_own_name(trigger)
    return trigger.name ~= nil and tonumber(trigger.name) ~= tonumber(('%p'):format(trigger.f))
end

--- Returns whether a trigger matches a description: by its name if the description has
-- one, otherwise by its function.
-- @tparam table trigger
-- @tparam table meant the description
local function is_meant(trigger, meant)
    if meant.name ~= nil then
        return trigger.name == meant.name
    end
    return trigger.f == meant.f
end

--- Returns the position of a trigger in a list.
-- @treturn ?number
local function position(triggers, meant)
    for i, trigger in ipairs(triggers) do
        if is_meant(trigger, meant) then
            return i
        end
    end
    return nil
end

--- Sets a trigger. If a trigger with the same name exists, it is replaced. Otherwise the
-- new trigger becomes the last one in the order of `list`.
local function set_named(place, trigger)
    if trigger.name ~= nil then
        call(place, trigger.f, nil, trigger.name)
    else
        call(place, trigger.f)
    end
end

--- Replaces the trigger `old` with `new` in Tarantool 3.0 and newer. Removes `old` if
-- `new` is nil. Throws if `old` is not set.
local function replace_named(place, new, old)
    local before = list(place)
    local index = position(before, old)
    if index == nil then
        error('there is no such trigger')
    elseif new == nil then
        call(place, nil, nil, before[index].name)
        return
    end
    set_named(place, new)
    if new.name == before[index].name then
        return
    end
    call(place, nil, nil, before[index].name)
    for i = index + 1, #before do
        local later = before[i]
        if not is_meant(later, new) then
            call(place, nil, nil, later.name)
            set_named(place, later)
        end
    end
end

--- Sets, replaces or removes a trigger. Throws if Tarantool refuses the change, or if
-- `old` is given but is not among the triggers of the place.
-- @tparam table place
-- @tparam ?table new the trigger to set; nil to remove `old`. It has a name only if the
--   application chose one.
-- @tparam ?table old the trigger to replace or remove. It is found by its name, or by
--   its function if it has no name.
local function put(place, new, old)
    if old == nil then
        set_named(place, new)
    elseif names_module() ~= nil then
        replace_named(place, new, old)
    else
        call(place, new and new.f, old.f)
    end
end

return {
    call = call,
    has_own_name = has_own_name,
    is_meant = is_meant,
    list = list,
    names_module = names_module,
    position = position,
    put = put,
}
