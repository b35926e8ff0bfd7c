--- The triggers of one place of Tarantool, such as `space:on_replace`.
--
-- Before 3.0, triggers are functions, and one can be set at the place of
-- another. From 3.0 on they have names too: those that were set without one get
-- their address for a name, a name that is there is replaced at its place, and
-- everything else comes first. There, a trigger gets the place of another by
-- setting again those that were set later.
--
-- A place is a table with
--   original   the function of Tarantool
--   holder     what it is a method of, if `is_method`
--   full_name  its name among the events of 3.0
-- A trigger is a table with `f` and, on servers with names, `name`. In lists
-- the one that was set first is first. None of this yields.

local require = ...

-- On older servers an application may have a module of that name.
local HAS_NAMES = tonumber(_TARANTOOL:match('^%d+')) >= 3

local module

--- What knows the triggers by the names of their events.
-- @treturn ?table nil on servers without names
local function names_module()
    if HAS_NAMES and module == nil then
        module = require('trigger')
    end
    return module
end

--- Calls the function of Tarantool.
local function call(place, ...)
    if place.is_method then
        return place.original(place.holder, ...)
    end
    return place.original(...)
end

--- @treturn {table,...} triggers
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

--- Whether somebody has chosen the name.
local function has_own_name(trigger)
    return trigger.name ~= nil and tonumber(trigger.name) ~= tonumber(('%p'):format(trigger.f))
end

--- Whether a trigger is the one that is meant: by its name if that is given, or
-- by its function.
local function is_meant(trigger, meant)
    if meant.name ~= nil then
        return trigger.name == meant.name
    end
    return trigger.f == meant.f
end

--- @treturn ?number position in a list of the one that is meant
local function position(triggers, meant)
    for i, trigger in ipairs(triggers) do
        if is_meant(trigger, meant) then
            return i
        end
    end
    return nil
end

--- Sets a trigger, after all others unless its name is there already.
local function set_named(place, trigger)
    if trigger.name ~= nil then
        call(place, trigger.f, nil, trigger.name)
    else
        call(place, trigger.f)
    end
end

--- Replaces one where triggers have names.
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

--- Sets a trigger, at the place of another one if there is one.
-- Raises what Tarantool raises.
-- @tparam table place
-- @tparam ?table new trigger, with a name only if somebody has chosen it
-- @tparam ?table old trigger; by its name, if it has one, or by its function
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
