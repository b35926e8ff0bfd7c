--- Lists the places on which triggers can be set (see `trigger_list`): one for each
-- event of spaces, sessions and the server. Since Tarantool 3.0, all other events have a
-- place, too.
--
-- In addition to the fields in `trigger_list`, a place has:
--   label  the name of the place in messages
--   event  the name of the function in `holder` that sets triggers
-- If an event is known only by its name, its place has neither `holder` nor `event`.

local require = ...
local yield = require('core.yield')
local trigger_list = require('platform.trigger_list')

local Places = {}
Places.__index = Places

local SPACE_EVENTS = {'on_replace', 'before_replace'}
local OTHER_EVENTS = {
    {label = 'box.session', holder = function() return box.session end,
        events = {'on_connect', 'on_disconnect', 'on_auth', 'on_access_denied'}},
    {label = 'box.ctl', holder = function() return box.ctl end,
        events = {'on_shutdown', 'on_schema_init', 'on_election', 'on_recovery_state'}},
}

local function is_configured()
    return type(box.cfg) ~= 'function'
end

--- Creates an empty list of places.
-- @tparam ?function on_add (place), called for each place that is added
-- @treturn table object whose `list` field contains the places
local function new(on_add)
    local self = {list = {}, by_holder = {}, by_event = {}, on_add = on_add or function() end}
    local module = trigger_list.names_module()
    if module ~= nil then
        -- Keep the original `set` and `del`, because an adapter may wrap these functions.
        self.set, self.del = module.set, module.del
    end
    return setmetatable(self, Places)
end

local function add(self, place)
    self.on_add(place)
    table.insert(self.list, place)
    self.by_event[place.full_name] = place
    return place
end

--- Adds the place of an event, if this server has the event. `holder[event]` is the
-- function that sets triggers; it is a method of `holder` if `is_method` is true.
-- `label` is the name of the place in messages, and `full_name` the name of the event.
local function add_place(self, label, holder, event, is_method, full_name)
    local original = rawget(holder, event)
    if type(original) ~= 'function' then
        return
    end
    local place = add(self, {
        label = label,
        holder = holder,
        event = event,
        is_method = is_method,
        full_name = full_name,
        original = original,
    })
    self.by_holder[holder] = self.by_holder[holder] or {}
    table.insert(self.by_holder[holder], place)
end

--- Adds the place of an event that is known only by its name (Tarantool 3.0 and
-- newer).
local function add_event(self, full_name)
    local set, del = self.set, self.del
    return add(self, {
        label = ('trigger of event %s'):format(full_name),
        full_name = full_name,
        original = function(f, _, name)
            if f == nil then
                return del(full_name, name)
            end
            return set(full_name, name or ('%p'):format(f), f)
        end,
    })
end

local function spaces()
    local result = {}
    for name, space in pairs(box.space) do
        -- `box.space` contains each space twice: by name and by number.
        if type(name) == 'string' then
            table.insert(result, {name = name, space = space})
        end
    end
    return result
end

local function add_space(self, name, space)
    for _, event in ipairs(SPACE_EVENTS) do
        add_place(self, ('trigger %s of space %s'):format(event, name), space, event, true,
            ('box.space[%s].%s'):format(space.id, event))
    end
end

--- Returns the names of the events whose places are still missing from `self.list`.
local function other_events(self)
    local module, result = trigger_list.names_module(), {}
    for full_name in pairs(module and module.info() or {}) do
        if self.by_event[full_name] == nil then
            table.insert(result, full_name)
        end
    end
    return result
end

local function add_events(self)
    for _, full_name in ipairs(other_events(self)) do
        add_event(self, full_name)
    end
end

--- Adds all places of this instance to `self.list`, which must be empty. Yields.
function Places:add_all()
    if not is_configured() then
        return
    end
    for _, item in ipairs(spaces()) do
        add_space(self, item.name, item.space)
        yield.if_due()
    end
    for _, other in ipairs(OTHER_EVENTS) do
        for _, event in ipairs(other.events) do
            local full_name = ('%s.%s'):format(other.label, event)
            add_place(self, 'trigger ' .. full_name, other.holder(), event, false, full_name)
        end
    end
    add_events(self)
end

--- Adds the places of those spaces and events whose places are still missing from
-- `self.list`.
function Places:add_new()
    if not is_configured() then
        return
    end
    for _, item in ipairs(spaces()) do
        if self.by_holder[item.space] == nil then
            add_space(self, item.name, item.space)
        end
    end
    add_events(self)
end

--- Returns the places of a space. Adds them to `self.list` if they are missing.
-- @treturn {table,...}
function Places:of_space(space)
    if self.by_holder[space] == nil then
        add_space(self, space.name, space)
    end
    return self.by_holder[space] or {}
end

--- Returns the place of the event with the given name. Adds the place to `self.list` if
-- it is missing.
-- @treturn table
function Places:of_event(full_name)
    return self.by_event[full_name] or add_event(self, full_name)
end

--- Lists all places of this instance. Yields.
-- @treturn {table,...} {label, list, set}: `list()` returns the functions of the
--   triggers; `set(new, old)` sets, replaces or removes a function
local function all()
    local places = new()
    places:add_all()
    local result = {}
    for _, place in ipairs(places.list) do
        table.insert(result, {
            label = place.label,
            list = function()
                local functions = {}
                for i, trigger in ipairs(trigger_list.list(place)) do
                    functions[i] = trigger.f
                end
                return functions
            end,
            set = function(new_f, old_f)
                local there, old = trigger_list.list(place), nil
                if old_f ~= nil then
                    old = there[trigger_list.position(there, {f = old_f})] or {f = old_f}
                end
                local name = old and trigger_list.has_own_name(old) and old.name or nil
                trigger_list.put(place, new_f and {f = new_f, name = name}, old)
            end,
        })
    end
    return result
end

return {all = all, is_configured = is_configured, new = new}
