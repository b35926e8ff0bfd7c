--- Adapter: triggers of spaces, sessions and the server.
--
-- What new code sets is put aside until the commit, so that no event runs both
-- generations. At the commit new triggers take the places of the old ones in
-- the order in which both were set. What is left of the old ones goes, but
-- for those of the main script, see `Transaction:stays`.

local require = ...
local slice = require('slice')

local Triggers = {name = 'triggers'}
Triggers.__index = Triggers

local SPACE_EVENTS = {'on_replace', 'before_replace'}
local OTHER_EVENTS = {
    {label = 'box.session', holder = function() return box.session end,
        events = {'on_connect', 'on_disconnect', 'on_auth', 'on_access_denied'}},
    {label = 'box.ctl', holder = function() return box.ctl end,
        events = {'on_shutdown', 'on_schema_init', 'on_election', 'on_recovery_state'}},
}
-- Methods after which Tarantool has made the methods of a space anew.
local REFILLING = {
    space_mt = {'alter', 'create_index', 'format', 'rename'},
    index_mt = {'alter', 'drop', 'rename'},
}

local function new(txn)
    return setmetatable({txn = txn, places = {}, by_holder = {}, wrapped = {}}, Triggers)
end

local function is_configured()
    return type(box.cfg) ~= 'function'
end

--- The function of Tarantool, for places on an object and others alike.
local function call(place, ...)
    if place.is_method then
        return place.original(place.holder, ...)
    end
    return place.original(...)
end

--- The triggers of a place, the one set first first.
local function list(place)
    local ok, functions = pcall(call, place)
    return ok and type(functions) == 'table' and functions or {}
end

--- Adds a place where triggers can be, if this server has it.
local function add_place(self, label, holder, event, is_method)
    local original = rawget(holder, event)
    if type(original) ~= 'function' then
        return nil
    end
    local place = {
        label = label,
        holder = holder,
        event = event,
        is_method = is_method,
        original = original,
        calls = {},
    }
    place.before = list(place)
    table.insert(self.places, place)
    self.by_holder[holder] = self.by_holder[holder] or {}
    table.insert(self.by_holder[holder], place)
    return place
end

--- All spaces, each once.
local function spaces()
    local result = {}
    for name, space in pairs(box.space) do
        -- Each is there by its name and by its number.
        if type(name) == 'string' then
            table.insert(result, {name = name, space = space})
        end
    end
    return result
end

local function add_space(self, name, space)
    for _, event in ipairs(SPACE_EVENTS) do
        add_place(self, ('trigger %s of space %s'):format(event, name), space, event, true)
    end
end

function Triggers:snapshot()
    if not is_configured() then
        return
    end
    for _, item in ipairs(spaces()) do
        add_space(self, item.name, item.space)
        slice.pause()
    end
    for _, other in ipairs(OTHER_EVENTS) do
        for _, event in ipairs(other.events) do
            add_place(self, ('trigger %s.%s'):format(other.label, event), other.holder(), event, false)
        end
    end
end

--- What the calls that were put aside amount to: functions to be there, functions
-- of others to go, and calls of newer servers that are made as they are.
local function outcome_of(self, place)
    local wanted, unwanted, raw = {}, {}, {}
    for _, item in ipairs(place.calls) do
        local replaced
        for i, f in ipairs(wanted) do
            if f == item.old then
                replaced = i
            end
        end
        if item.raw ~= nil then
            table.insert(raw, item.raw)
        elseif replaced ~= nil and item.new ~= nil then
            wanted[replaced] = item.new
        elseif replaced ~= nil then
            table.remove(wanted, replaced)
        else
            if item.old ~= nil and not self.txn.origin:wraps_old(item.old) then
                table.insert(unwanted, item.old)
            end
            if item.new ~= nil then
                table.insert(wanted, item.new)
            end
        end
    end
    return wanted, unwanted, raw
end

--- What new code finds when it looks: the triggers of others and its own.
local function staged_list(self, place)
    local wanted, unwanted = outcome_of(self, place)
    local gone = {}
    for _, f in ipairs(unwanted) do
        gone[f] = true
    end
    local result = {}
    for _, f in ipairs(list(place)) do
        if not gone[f] and not self.txn.origin:wraps_old(f) then
            table.insert(result, f)
        end
    end
    for _, f in ipairs(wanted) do
        table.insert(result, f)
    end
    return result
end

local function is_callable_or_nil(value)
    return value == nil or type(value) == 'function'
end

local function stage_place(self, place)
    local txn = self.txn
    local function staged(...)
        if not (txn.staging and txn.origin:is_asking()) then
            return place.original(...)
        end
        local first = place.is_method and 2 or 1
        local argc = select('#', ...)
        local new_f, old_f = select(first, ...)
        if argc > first + 1 or type(new_f) == 'table' then
            -- Newer servers: a trigger with a name, or named arguments.
            table.insert(place.calls, {raw = {n = argc, ...}})
            return new_f
        elseif not is_callable_or_nil(new_f) or not is_callable_or_nil(old_f) then
            -- An error, in the words of the server.
            return place.original(...)
        elseif new_f == nil and old_f == nil then
            return staged_list(self, place)
        end
        table.insert(place.calls, {new = new_f, old = old_f})
        return new_f
    end
    place.staged = staged
    rawset(place.holder, place.event, staged)
end

--- Stages again what Tarantool has made anew, and what it has made.
local function restage(self, space)
    if type(space) ~= 'table' or type(space.name) ~= 'string' then
        return
    end
    if self.by_holder[space] == nil then
        add_space(self, space.name, space)
    end
    for _, place in ipairs(self.by_holder[space] or {}) do
        local current = rawget(space, place.event)
        if type(current) == 'function' and current ~= place.staged then
            place.original = current
            stage_place(self, place)
        end
    end
end

--- Stages a space again after a function of the schema was called by new code.
-- @tparam table holder
-- @tparam string name
-- @tparam function space_of what the function got and returned -> space
local function wrap(self, holder, name, space_of)
    local original = type(holder) == 'table' and rawget(holder, name)
    if type(original) ~= 'function' then
        return
    end
    local txn = self.txn
    local function staged(...)
        if not (txn.staging and txn.origin:is_asking()) then
            return original(...)
        end
        local result, second = original(...)
        restage(self, space_of(result, ...))
        return result, second
    end
    table.insert(self.wrapped, {holder = holder, name = name, original = original, staged = staged})
    rawset(holder, name, staged)
end

--- Puts aside what new code sets.
function Triggers:stage()
    for _, place in ipairs(self.places) do
        stage_place(self, place)
    end
    if not is_configured() then
        return
    end
    for _, name in ipairs(REFILLING.space_mt) do
        wrap(self, box.schema.space_mt, name, function(_, space)
            return space
        end)
    end
    for _, name in ipairs(REFILLING.index_mt) do
        wrap(self, box.schema.index_mt, name, function(_, index)
            return box.space[index.space_id]
        end)
    end
    for _, holder in ipairs({box.schema.space, box.schema}) do
        wrap(self, holder, holder == box.schema and 'create_space' or 'create', function(space)
            return space
        end)
    end
end

local function unstage(self)
    for _, place in ipairs(self.places) do
        if rawget(place.holder, place.event) == place.staged then
            rawset(place.holder, place.event, place.original)
        end
    end
    for _, item in ipairs(self.wrapped) do
        if rawget(item.holder, item.name) == item.staged then
            rawset(item.holder, item.name, item.original)
        end
    end
end

--- Sets a trigger; the reload has happened by then, so a failure is a warning.
local function set(self, place, ...)
    local ok, err = pcall(place.original, ...)
    if not ok then
        table.insert(self.txn.warnings, ('%s could not be set: %s'):format(place.label, tostring(err)))
    end
end

local function set_pair(self, place, new_f, old_f)
    if place.is_method then
        set(self, place, place.holder, new_f, old_f)
    else
        set(self, place, new_f, old_f)
    end
end

local function commit_place(self, place)
    local wanted, unwanted, raw = outcome_of(self, place)
    local old, there = {}, {}
    for _, f in ipairs(list(place)) do
        there[f] = true
        if self.txn.origin:wraps_old(f) and not self.txn:stays(f, place.label) then
            table.insert(old, f)
        end
    end
    for i = 1, math.max(#wanted, #old) do
        set_pair(self, place, wanted[i], old[i])
    end
    for _, f in ipairs(wanted) do
        self.txn:place(f, place.label)
    end
    for _, f in ipairs(unwanted) do
        if there[f] then
            set_pair(self, place, nil, f)
        end
    end
    for _, args in ipairs(raw) do
        set(self, place, unpack(args, 1, args.n))
    end
end

function Triggers:list_new(functions)
    for _, place in ipairs(self.places) do
        for _, f in ipairs((outcome_of(self, place))) do
            table.insert(functions, f)
        end
    end
end

--- Whether the holder of a place is still in use: a space can be dropped.
local function is_there(place)
    return not place.is_method or box.space[place.holder.id] == place.holder
end

function Triggers:commit()
    unstage(self)
    for _, place in ipairs(self.places) do
        if (#place.calls > 0 or #place.before > 0) and is_there(place) then
            commit_place(self, place)
        end
    end
end

--- Takes over what a role has set that was stopped and is started again: each
-- trigger takes the place of the one with the same code.
function Triggers:revive()
    unstage(self)
    for _, place in ipairs(self.places) do
        for _, item in ipairs(is_there(place) and place.calls or {}) do
            local same
            for _, f in ipairs(list(place)) do
                if item.new ~= nil and self.txn.origin.is_same(f, item.new) then
                    same = f
                end
            end
            if item.raw ~= nil then
                set(self, place, unpack(item.raw, 1, item.raw.n))
            else
                set_pair(self, place, item.new, same or item.old)
            end
        end
    end
end

local function is_equal(a, b)
    for i = 1, math.max(#a, #b) do
        if a[i] ~= b[i] then
            return false
        end
    end
    return true
end

--- Removes what new code has set behind the staging, and puts back what it has
-- removed, at its place.
local function restore_place(self, place, undone, left)
    local now, known, wanted = list(place), {}, {}
    for i, f in ipairs(place.before) do
        known[f] = true
        wanted[i] = f
    end
    for _, f in ipairs(now) do
        -- Those that others have set meanwhile stay.
        if not known[f] and not self.txn.origin:wraps_new(f) then
            table.insert(wanted, f)
        end
    end
    if is_equal(now, wanted) then
        return
    end
    local ok = pcall(function()
        for _, f in ipairs(now) do
            call(place, nil, f)
        end
        for _, f in ipairs(wanted) do
            call(place, f)
        end
    end)
    table.insert(ok and undone or left, place.label)
end

function Triggers:rollback(undone, left)
    unstage(self)
    for _, place in ipairs(self.places) do
        if is_there(place) then
            restore_place(self, place, undone, left)
        end
    end
    for _, item in ipairs(is_configured() and spaces() or {}) do
        if self.by_holder[item.space] == nil then
            local first = #self.places + 1
            add_space(self, item.name, item.space)
            for i = first, #self.places do
                self.places[i].before = {}
                restore_place(self, self.places[i], undone, left)
            end
        end
    end
end

--- The places where triggers can be on this server now. May yield.
-- @treturn {table,...} {label, list = function () -> the functions that are
--   set, set = function (new, old)}
local function places()
    local self = new({})
    self:snapshot()
    local result = {}
    for _, place in ipairs(self.places) do
        table.insert(result, {
            label = place.label,
            list = function()
                return list(place)
            end,
            set = function(new_f, old_f)
                call(place, new_f, old_f)
            end,
        })
    end
    return result
end

return {new = new, places = places}
