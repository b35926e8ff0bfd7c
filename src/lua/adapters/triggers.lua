--- Adapter: triggers of spaces, sessions and the server.
--
-- Triggers that new code sets are staged until the commit, so that no event runs
-- triggers of both generations. At the commit, new triggers replace old triggers with
-- the same name. The other new triggers replace the remaining old ones, in the order in
-- which the old ones were set. Old triggers that no new trigger replaces are removed.
-- Some triggers of the main script stay (see `Transaction:keeps_registration`).
--
-- A place is what triggers are set on, such as `on_replace` of a space (see
-- `platform.trigger_list`).

local require = ...
local log = require('log')
local trigger_list = require('platform.trigger_list')
local trigger_places = require('platform.trigger_places')

local Triggers = {name = 'triggers'}
Triggers.__index = Triggers

local function new(txn)
    local self = {txn = txn, wrapped = {}}
    self.known = trigger_places.new(function(place)
        place.calls = {}
        place.before = trigger_list.list(place)
    end)
    self.places = self.known.list
    return setmetatable(self, Triggers)
end

function Triggers:snapshot()
    self.known:add_all()
end

--- Returns the net effect of the staged calls on a place.
-- @treturn {table,...} triggers to set
-- @treturn {table,...} triggers to remove
local function outcome_of(self, place)
    local wanted, unwanted = {}, {}
    for _, item in ipairs(place.calls) do
        local meant = item.meant
        local index = meant and trigger_list.position(wanted, meant)
        if index ~= nil and item.new ~= nil then
            wanted[index] = item.new
        elseif index ~= nil then
            table.remove(wanted, index)
        else
            -- A new trigger replaces the trigger with the same name, which therefore
            -- need not be removed first.
            local is_gone = meant ~= nil and (meant.name == nil or item.new == nil)
            if is_gone and not self.txn.ownership:wraps_old(meant.f) then
                table.insert(unwanted, meant)
            end
            table.insert(wanted, item.new)
        end
    end
    return wanted, unwanted
end

--- Returns the triggers of a place as new code sees them, without those of old code.
-- They are in the order in which this server lists triggers.
local function staged_list(self, place)
    local wanted, unwanted = outcome_of(self, place)
    local functions = {}
    for _, trigger in ipairs(trigger_list.list(place)) do
        local is_gone = self.txn.ownership:wraps_old(trigger.f)
        for _, meant in ipairs(unwanted) do
            is_gone = is_gone or trigger_list.is_meant(trigger, meant)
        end
        for _, new_one in ipairs(wanted) do
            is_gone = is_gone or new_one.name ~= nil and new_one.name == trigger.name
        end
        if not is_gone then
            table.insert(functions, trigger.f)
        end
    end
    for _, trigger in ipairs(wanted) do
        table.insert(functions, trigger.f)
    end
    if trigger_list.names_module() == nil then
        return functions
    end
    local reversed = {}
    for i = #functions, 1, -1 do
        table.insert(reversed, functions[i])
    end
    return reversed
end

local function is_callable_or_nil(value)
    return value == nil or type(value) == 'function'
end

--- Interprets the arguments of a call that sets, replaces, removes or lists triggers.
-- @treturn ?table {new = the trigger to set, meant = the trigger to replace or remove},
--   see `platform.trigger_list`. Either field may be nil. The result is nil if the
--   arguments are invalid.
local function understand(new_f, old_f, name)
    if trigger_list.names_module() == nil then
        name = nil
    elseif type(new_f) == 'table' then
        new_f, old_f, name = new_f.func, nil, new_f.name
        if name == nil then
            return nil
        end
    end
    if not is_callable_or_nil(new_f) or not is_callable_or_nil(old_f)
        or name ~= nil and type(name) ~= 'string' then
        return nil
    end
    local item = {}
    if new_f ~= nil then
        item.new = {f = new_f, name = name ~= nil and name or nil}
    end
    if name ~= nil then
        item.meant = {name = name}
    elseif old_f ~= nil then
        item.meant = {f = old_f}
    end
    return item
end

local function stage_place(self, place)
    local txn = self.txn
    local function staged(...)
        if not (txn.staging and txn.ownership:is_asking()) then
            return place.original(...)
        end
        local item = understand(select(place.is_method and 2 or 1, ...))
        if item == nil then
            -- Let the server raise its own error for invalid arguments.
            return place.original(...)
        elseif item.new == nil and item.meant == nil then
            return staged_list(self, place)
        end
        table.insert(place.calls, item)
        return item.new and item.new.f
    end
    place.staged = staged
    rawset(place.holder, place.event, staged)
end

--- Installs our stand-ins in a space object after Tarantool has built or rebuilt it. A
-- rebuilt object has lost its earlier stand-ins.
local function restage(self, space)
    for _, place in ipairs(self.known:of_space(space)) do
        local current = rawget(space, place.event)
        if type(current) == 'function' and current ~= place.staged then
            place.original = current
            stage_place(self, place)
        end
    end
end

local function stage_function(self, holder, name, staged)
    table.insert(self.wrapped, {holder = holder, name = name, original = holder[name], staged = staged})
    rawset(holder, name, staged)
end

--- Installs stand-ins for `trigger.set` and `trigger.del` that stage calls by new code.
local function stage_module(self, module)
    local txn = self.txn
    local function stage_one(original, has_function)
        return function(full_name, name, f, ...)
            if not (txn.staging and txn.ownership:is_asking()) or type(full_name) ~= 'string'
                or type(name) ~= 'string' or has_function ~= (type(f) == 'function') then
                return original(full_name, name, f, ...)
            end
            local place = self.known:of_event(full_name)
            table.insert(place.calls, {new = f and {f = f, name = name}, meant = {name = name}})
            return f
        end
    end
    stage_function(self, module, 'set', stage_one(module.set, true))
    stage_function(self, module, 'del', stage_one(module.del, false))
end

--- Installs stand-ins for the functions that set triggers.
function Triggers:stage()
    for _, place in ipairs(self.places) do
        if place.holder ~= nil then
            stage_place(self, place)
        end
    end
    local module = trigger_list.names_module()
    if module ~= nil then
        stage_module(self, module)
    end
    local holder = trigger_places.is_configured() and box.schema.space
    local bless = holder and rawget(holder, 'bless')
    if type(bless) == 'function' then
        -- Tarantool calls this function to rebuild a space object after every schema
        -- change, including truncate(), changes made in SQL, and replicated changes.
        stage_function(self, holder, 'bless', function(space, ...)
            bless(space, ...)
            if self.txn.staging and type(space) == 'table' and type(space.name) == 'string' then
                -- An error in this stand-in would abort the schema change.
                local ok, err = pcall(restage, self, space)
                if not ok then
                    log.error("cartridge-reload: failed to stage a space's triggers: %s", tostring(err))
                end
            end
        end)
    end
end

local function unstage(self)
    for _, place in ipairs(self.places) do
        if place.staged ~= nil and rawget(place.holder, place.event) == place.staged then
            rawset(place.holder, place.event, place.original)
        end
    end
    for _, item in ipairs(self.wrapped) do
        if rawget(item.holder, item.name) == item.staged then
            rawset(item.holder, item.name, item.original)
        end
    end
end

--- Sets, replaces or removes a trigger. A failure only adds a warning, because the
-- reload can no longer be rolled back.
local function change(self, place, new_one, old)
    local ok, err = pcall(trigger_list.put, place, new_one, old)
    if not ok then
        table.insert(self.txn.warnings, ('%s could not be set: %s'):format(place.label, tostring(err)))
    end
end

--- Pairs new triggers with the old triggers that they replace: first by name, and then
-- the other triggers in their order.
-- @treturn {table,...} {new, old}. A surplus trigger is in a pair whose other field is
--   nil.
local function pair(wanted, old)
    local result, rest = {}, table.copy(old)
    for _, new_one in ipairs(wanted) do
        local index = new_one.name and trigger_list.position(rest, new_one)
        table.insert(result, {new = new_one, old = index and table.remove(rest, index)})
    end
    for _, item in ipairs(result) do
        item.old = item.old or table.remove(rest, 1)
    end
    for _, trigger in ipairs(rest) do
        table.insert(result, {old = trigger})
    end
    return result
end

local function commit_place(self, place)
    local wanted, unwanted = outcome_of(self, place)
    for _, meant in ipairs(unwanted) do
        if trigger_list.position(trigger_list.list(place), meant) ~= nil then
            change(self, place, nil, meant)
        end
    end
    local old = {}
    for _, trigger in ipairs(trigger_list.list(place)) do
        if self.txn.ownership:wraps_old(trigger.f) and not self.txn:keeps_registration(trigger.f, place.label) then
            table.insert(old, trigger)
        end
    end
    for _, item in ipairs(pair(wanted, old)) do
        change(self, place, item.new, item.old)
    end
    for _, trigger in ipairs(wanted) do
        self.txn:record_registration(trigger.f, place.label)
    end
end

function Triggers:list_new(functions)
    for _, place in ipairs(self.places) do
        for _, trigger in ipairs((outcome_of(self, place))) do
            table.insert(functions, trigger.f)
        end
    end
end

--- Returns the set of functions that were triggers before the reload.
function Triggers:list_old()
    local set = {}
    for _, place in ipairs(self.places) do
        for _, trigger in ipairs(place.before) do
            set[trigger.f] = true
        end
    end
    return set
end

--- Returns whether a place still exists. Its space may have been dropped.
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

--- After a rollback, applies the calls by which restarted old roles have set or removed
-- triggers. A call that sets a trigger replaces an existing trigger whose function has
-- the same code as the new one. If there is none, or if the call removes a trigger, the
-- call has its usual effect.
function Triggers:revive()
    unstage(self)
    for _, place in ipairs(self.places) do
        for _, item in ipairs(is_there(place) and place.calls or {}) do
            local there, old = trigger_list.list(place), nil
            for _, trigger in ipairs(there) do
                if item.new ~= nil and self.txn.ownership.is_same(trigger.f, item.new.f) then
                    old = trigger
                end
            end
            if old == nil and item.meant ~= nil and trigger_list.position(there, item.meant) ~= nil then
                old = item.meant
            end
            if item.new ~= nil or old ~= nil then
                change(self, place, item.new, old)
            end
        end
    end
end

function Triggers:mark()
    local counts = {}
    for _, place in ipairs(self.places) do
        counts[place] = #place.calls
    end
    return function()
        for _, place in ipairs(self.places) do
            while #place.calls > (counts[place] or 0) do
                table.remove(place.calls)
            end
        end
    end
end

--- Ends staging without applying the staged triggers.
function Triggers:discard()
    unstage(self)
end

local function is_one(a, b)
    return a ~= nil and b ~= nil and a.f == b.f and a.name == b.name
end

local function is_equal(a, b)
    for i = 1, math.max(#a, #b) do
        if not is_one(a[i], b[i]) then
            return false
        end
    end
    return true
end

--- Reverts changes that were not staged. Removes triggers that new code has set.
-- Restores triggers that new code has removed, at their previous positions.
local function restore_place(self, place, undone, left)
    local now, wanted = trigger_list.list(place), table.copy(place.before)
    for _, trigger in ipairs(now) do
        local is_known = false
        for _, known in ipairs(place.before) do
            is_known = is_known or is_one(trigger, known)
        end
        -- Keep the triggers that other code has set since the snapshot.
        if not is_known and not self.txn.ownership:wraps_new(trigger.f) then
            table.insert(wanted, trigger)
        end
    end
    if is_equal(now, wanted) then
        return
    end
    local ok = pcall(function()
        for _, trigger in ipairs(now) do
            trigger_list.put(place, nil, trigger)
        end
        for _, trigger in ipairs(wanted) do
            trigger_list.put(place, trigger)
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
    local first = #self.places + 1
    self.known:add_new()
    for i = first, #self.places do
        self.places[i].before = {}
        restore_place(self, self.places[i], undone, left)
    end
end

return {new = new}
