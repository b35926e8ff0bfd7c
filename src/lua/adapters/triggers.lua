--- Adapter: triggers of spaces, sessions and the server.
--
-- What new code sets is put aside until the commit, so that no event runs both
-- generations. At the commit new triggers take the places of the old ones in
-- the order in which both were set; what is left of the old ones goes.

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

local function new(txn)
    return setmetatable({txn = txn, places = {}}, Triggers)
end

--- Adds a place where triggers can be, if this server has it.
-- `list` gives the functions there, the one set last first; `set` is
-- (new, old) as in the functions of Tarantool.
local function add_place(self, label, holder, event, bind)
    local original = rawget(holder, event)
    if type(original) ~= 'function' then
        return
    end
    local place = {
        label = label,
        holder = holder,
        event = event,
        original = original,
        calls = {},
    }
    if bind then
        function place.set(new_f, old_f)
            return original(holder, new_f, old_f)
        end
    else
        place.set = original
    end
    function place.list()
        local ok, list = pcall(bind and function()
            return original(holder)
        end or original)
        return ok and type(list) == 'table' and list or {}
    end
    place.before = place.list()
    place.bind = bind
    table.insert(self.places, place)
end

function Triggers:snapshot()
    if type(box.cfg) == 'function' then
        return
    end
    for name, space in pairs(box.space) do
        -- Each space is there twice, by its name and by its number.
        if type(name) == 'string' then
            for _, event in ipairs(SPACE_EVENTS) do
                add_place(self, ('trigger %s of space %s'):format(event, name), space, event, true)
            end
            slice.pause()
        end
    end
    for _, other in ipairs(OTHER_EVENTS) do
        for _, event in ipairs(other.events) do
            add_place(self, ('trigger %s.%s'):format(other.label, event), other.holder(), event, false)
        end
    end
end

--- Puts aside what new code sets.
function Triggers:stage()
    local txn = self.txn
    for _, place in ipairs(self.places) do
        local function put_aside(new_f, old_f)
            table.insert(place.calls, {new = new_f, old = old_f})
            return new_f
        end
        place.staged = function(...)
            local first = place.bind and 2 or 1
            local new_f, old_f = select(first, ...)
            if (new_f ~= nil or old_f ~= nil) and txn.staging and txn.origin:is_asking() then
                return put_aside(new_f, old_f)
            end
            return place.original(...)
        end
        rawset(place.holder, place.event, place.staged)
    end
end

local function unstage(self)
    for _, place in ipairs(self.places) do
        if rawget(place.holder, place.event) == place.staged then
            rawset(place.holder, place.event, place.original)
        end
    end
end

--- The old triggers of a place, the one set first first.
local function old_ones(self, place)
    local list = place.list()
    local old = {}
    for i = #list, 1, -1 do
        if self.txn.origin:wraps_old(list[i]) then
            table.insert(old, list[i])
        end
    end
    return old
end

local function commit_place(self, place)
    -- What the calls put aside amount to: functions to be there, and functions
    -- of others to go.
    local wanted, unwanted = {}, {}
    for _, call in ipairs(place.calls) do
        local replaced
        for i, f in ipairs(wanted) do
            if f == call.old then
                replaced = i
            end
        end
        if replaced ~= nil and call.new ~= nil then
            wanted[replaced] = call.new
        elseif replaced ~= nil then
            table.remove(wanted, replaced)
        else
            if call.old ~= nil and not self.txn.origin:wraps_old(call.old) then
                table.insert(unwanted, call.old)
            end
            if call.new ~= nil then
                table.insert(wanted, call.new)
            end
        end
    end
    local old = old_ones(self, place)
    for i = 1, math.max(#wanted, #old) do
        pcall(place.set, wanted[i], old[i])
    end
    for _, f in ipairs(unwanted) do
        pcall(place.set, nil, f)
    end
end

function Triggers:commit()
    unstage(self)
    for _, place in ipairs(self.places) do
        if #place.calls > 0 or #place.before > 0 then
            commit_place(self, place)
        end
    end
end

--- Takes over what a role has set that was stopped and is started again: each
-- trigger takes the place of the one with the same code.
function Triggers:revive()
    unstage(self)
    for _, place in ipairs(self.places) do
        for _, call in ipairs(place.calls) do
            local same
            for _, f in ipairs(place.list()) do
                if call.new ~= nil and self.txn.origin.is_same(f, call.new) then
                    same = f
                end
            end
            pcall(place.set, call.new, same or call.old)
        end
    end
end

--- Removes what new code has set behind the staging, such as on a space that
-- it has just created, and puts back what it has removed.
function Triggers:rollback(undone, left)
    unstage(self)
    local known = {}
    for _, place in ipairs(self.places) do
        known[place.holder] = true
        local there = {}
        for _, f in ipairs(place.list()) do
            there[f] = true
            if self.txn.origin:wraps_new(f) then
                pcall(place.set, nil, f)
                table.insert(undone, place.label)
            end
        end
        for i = #place.before, 1, -1 do
            if not there[place.before[i]] then
                local ok = pcall(place.set, place.before[i])
                table.insert(ok and undone or left, place.label)
            end
        end
    end
    if type(box.cfg) == 'function' then
        return
    end
    for name, space in pairs(box.space) do
        if type(name) == 'string' and not known[space] then
            for _, event in ipairs(SPACE_EVENTS) do
                local ok, list = pcall(space[event], space)
                for _, f in ipairs(ok and type(list) == 'table' and list or {}) do
                    if self.txn.origin:wraps_new(f) then
                        space[event](space, nil, f)
                        table.insert(undone, ('trigger %s of space %s'):format(event, name))
                    end
                end
            end
        end
    end
end

return {new = new}
