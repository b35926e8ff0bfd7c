--- Adapter: variables of `cartridge.vars`, which survive a reload. New code works on
-- copies of the application's variables and of their defaults, so no other code sees
-- its changes before the commit.
--
-- After the commit, old code may still be running, in requests and in the `stop` of old
-- roles. Old code still sees the previous values of the variables that new code changed
-- before the commit. All other variables are shared: for example, both generations
-- increment the same counter. Changes made by `stop` are visible only to old code.
--
-- If the `stop` of an old role might assign to a variable, or shut down the object in it
-- (see `adapters.vars.stop_effects`), new code finds this variable unset, as after a
-- restart.

local require = ...
local audiences = require('code.audiences')
local key_name = require('core.key_name')
local stop_effects = require('adapters.vars.stop_effects')

local Vars = {name = 'vars'}
Vars.__index = Vars

local GLOBALS = {values = '_cluster_vars_values', defaults = '_cluster_vars_defaults'}

--- Finds the application's variables that the `stop` of an old role might assign to, or
-- whose objects it might shut down (see `adapters.vars.stop_effects`).
-- @tparam table txn the transaction
-- @tparam table modules the modules adapter
-- @tparam {function,...} stops the `stop` functions
-- @treturn table for the `hidden` parameter of `new`
local function ended_by(txn, modules, stops)
    local hidden = stop_effects(stops, function(f)
        return txn.ownership:is_old(f)
    end, rawget(_G, GLOBALS.values) or {})
    for name in pairs(hidden) do
        -- A role may also use variables of Cartridge or of a rock. Do not hide these.
        if package.loaded[name] ~= nil and modules.by_name[name] == nil then
            hidden[name] = nil
        end
    end
    return hidden
end

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table modules the modules adapter
-- @tparam ?table hidden name -> set of variables to hide from new code. The name is what
--   was passed to `cartridge.vars.new`, usually a module name.
local function new(txn, modules, hidden)
    return setmetatable({txn = txn, modules = modules, hidden = hidden or {}, kinds = {}, left = {}}, Vars)
end

function Vars.snapshot()
end

--- Makes new code see a copy of the variables of a module.
local function stage_module(self, kind, name)
    local live = kind.audiences:find_serving(name)
    if type(live) ~= 'table' or kind.staged[name] ~= nil then
        return
    end
    local copy, hidden = table.copy(live), {}
    if kind.name == 'values' then
        for key in pairs(self.hidden[name] or {}) do
            if copy[key] ~= nil then
                copy[key], hidden[key] = nil, true
            end
        end
    end
    kind.staged[name] = {first = table.copy(copy), hidden = hidden}
    kind.audiences:show(kind.new, name, copy)
end

--- Returns the names that were passed to `cartridge.vars.new` but are not names of
-- loaded modules. The application has chosen these names.
-- @treturn table set
local function names_of_no_module(holder)
    local names = {}
    for name in pairs(holder) do
        names[name] = package.loaded[name] == nil or nil
    end
    return names
end

function Vars:stage()
    local txn = self.txn
    for name, global in pairs(GLOBALS) do
        local holder = rawget(_G, global)
        if type(holder) == 'table' then
            local others = names_of_no_module(holder)
            local kind = {name = name, audiences = audiences.new(holder), staged = {}}
            self.kinds[name] = kind
            kind.old = kind.audiences:add(function()
                return txn.ownership:is_stopping() or txn.committed and txn.ownership:is_old_code()
            end)
            kind.new = kind.audiences:add(function()
                return txn.staging and txn.ownership:is_new_code()
            end)
            for _, names in ipairs({self.modules.by_name, self.hidden, others}) do
                for module in pairs(names) do
                    stage_module(self, kind, module)
                end
            end
        end
    end
end

local function has_same_entries(a, b)
    for key, value in pairs(a) do
        if not rawequal(value, b[key]) then
            return false
        end
    end
    for key in pairs(b) do
        if a[key] == nil then
            return false
        end
    end
    return true
end

--- Returns whether a `stop` that ran before the commit has changed its copy of the
-- variables (see `retire`). A changed copy must be kept.
local function has_left(self, kind, name)
    local left = kind.name == 'values' and self.left[name]
    return left and not has_same_entries(kind.audiences:find(kind.old, name), left.first)
end

--- Creates a copy of the current variables for a `stop` that runs before the commit. If
-- an earlier `stop` has changed its copy, that copy is reused.
function Vars:retire()
    local kind = self.kinds.values
    if kind == nil or self.txn.committed then
        return
    end
    for name in pairs(kind.staged) do
        if not has_left(self, kind, name) then
            local live = kind.audiences:find_serving(name)
            self.left[name] = {first = table.copy(live), hidden = {}}
            kind.audiences:show(kind.old, name, table.copy(live))
        end
    end
end

function Vars:mark()
    local before = {}
    for _, kind in pairs(self.kinds) do
        for name in pairs(kind.new.values) do
            local copy = kind.audiences:find(kind.new, name)
            before[copy] = table.copy(copy)
        end
    end
    return function()
        for copy, entries in pairs(before) do
            table.clear(copy)
            for key, value in pairs(entries) do
                copy[key] = value
            end
        end
    end
end

--- Applies the changes in a copy to the live variables. A variable that is unchanged in
-- the copy keeps its live value. A hidden variable becomes nil, unless it was set in the
-- copy.
-- @tparam table live
-- @tparam table copy
-- @tparam table staged {first = initial content of the copy, hidden = set of the
--   variables that were omitted from the copy}
local function take_over(live, copy, staged)
    for key, value in pairs(copy) do
        if not rawequal(value, staged.first[key]) then
            live[key] = value
        end
    end
    for _, keys in ipairs({staged.first, staged.hidden}) do
        for key in pairs(keys) do
            if copy[key] == nil then
                live[key] = nil
            end
        end
    end
end

-- Represents nil among the values that old code sees.
local NOTHING = {}

--- Returns the table that old code sees instead of the live variables. It holds the
-- previous values of the changed variables, and forwards to the live table for all
-- others.
-- @tparam table live the variables
-- @tparam table before the previous values
-- @tparam function is_private () -> whether the assignment being made must be visible
--   only to old code
local function old_view(live, before, is_private)
    local own = {}
    for _, keys in ipairs({live, before}) do
        for key in pairs(keys) do
            if not rawequal(live[key], before[key]) then
                own[key] = before[key] == nil and NOTHING or before[key]
            end
        end
    end
    return setmetatable({}, {
        __index = function(_, key)
            if own[key] == nil then
                return live[key]
            elseif own[key] ~= NOTHING then
                return own[key]
            end
            return nil
        end,
        __newindex = function(_, key, value)
            if own[key] ~= nil or is_private() then
                own[key] = value == nil and NOTHING or value
            else
                live[key] = value
            end
        end,
    })
end

function Vars:commit()
    local function is_private()
        return self.txn.ownership:is_stopping()
    end
    for _, kind in pairs(self.kinds) do
        local views = {}
        kind.audiences:remove(kind.new)
        for name in pairs(kind.new.values) do
            local copy, staged = kind.audiences:find(kind.new, name), kind.staged[name]
            local live = kind.audiences:find_serving(name)
            if staged ~= nil and type(live) == 'table' and type(copy) == 'table' then
                local before = has_left(self, kind, name) and kind.audiences:find(kind.old, name)
                    or table.copy(live)
                take_over(live, copy, staged)
                views[name] = old_view(live, before, is_private)
            else
                kind.audiences.holder[name] = copy
            end
        end
        for name, view in pairs(views) do
            kind.audiences:show(kind.old, name, view)
        end
    end
end

--- Lets old code see the live variables again. Must be called after the old roles have
-- stopped.
function Vars:settle()
    for _, kind in pairs(self.kinds) do
        kind.audiences:close()
    end
end

function Vars:rollback(undone)
    for _, kind in pairs(self.kinds) do
        kind.audiences:close()
    end
    local kind = self.kinds.values
    for name, staged in pairs(kind and kind.staged or {}) do
        for key, value in pairs(kind.audiences:find(kind.new, name) or {}) do
            if not rawequal(value, staged.first[key]) then
                table.insert(undone, ('cartridge.vars of %s: %s'):format(name, key_name(key)))
            end
        end
        -- A restarted old role must find the values that its own `stop` has set.
        if self.left[name] ~= nil then
            take_over(kind.audiences:find_serving(name), kind.audiences:find(kind.old, name), self.left[name])
        end
    end
end

return {ended_by = ended_by, new = new}
