--- The triggers of one place. A place is what triggers are set on, such as
-- `on_replace` of a space.
--
-- Before 3.0, triggers are functions, and a new one can replace another in place.
-- From 3.0 on they have names. A trigger that is set without a name is named by the
-- address of its function. If a trigger with the same name exists, the new trigger
-- replaces it in place; otherwise it is put before the existing ones. So to replace a
-- trigger by one with another name, all triggers set after it must be set again.
--
-- A place is a table with
--   original   the function of Tarantool that sets and lists its triggers
--   holder     the object of which that function is a method, if `is_method`
--   full_name  its event name, from 3.0 on
--
-- A trigger is a table with the function `f` and, from 3.0 on, `name`. Lists are in
-- the order in which triggers were set. Nothing here yields.

local require = ...

-- Before 3.0, `require('trigger')` might return a module of the application.
local HAS_NAMES = tonumber(_TARANTOOL:match('^%d+')) >= 3

local module

--- Returns the built-in module `trigger`, which sets and lists triggers by the
-- names of events.
-- @treturn ?table nil before Tarantool 3.0
local function names_module()
    if HAS_NAMES and module == nil then
        module = require('trigger')
    end
    return module
end

--- Calls the function of Tarantool that sets and lists the triggers of a place.
local function call(place, ...)
    if place.is_method then
        return place.original(place.holder, ...)
    end
    return place.original(...)
end

--- Returns the triggers of a place.
-- @treturn {table,...}
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

--- Whether the name of a trigger was chosen by code, not by the server.
local function has_own_name(trigger)
    return trigger.name ~= nil and tonumber(trigger.name) ~= tonumber(('%p'):format(trigger.f))
end

--- Whether a trigger is the one described by `meant`. Compares their names if `meant`
-- has a name, otherwise their functions.
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

--- Sets a trigger. It replaces the trigger with the same name; if there is none, it
-- becomes the last one.
local function set_named(place, trigger)
    if trigger.name ~= nil then
        call(place, trigger.f, nil, trigger.name)
    else
        call(place, trigger.f)
    end
end

--- Replaces a trigger in Tarantool 3.0 and newer, or removes it if `new` is nil.
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

--- Sets, replaces or removes a trigger. Raises the errors of Tarantool.
-- @tparam table place
-- @tparam ?table new the trigger to set, nil to remove one; has a name only if the
--   code that set it has chosen one
-- @tparam ?table old the trigger to replace or remove; found by its name, if it has
--   one, otherwise by its function
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
