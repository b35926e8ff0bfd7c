--- Adapter: watchers (`box.watch`, Tarantool 2.10 and newer).
--
-- New code registers its watchers at once. Each calls its callback with the current
-- value, because the new code may wait for that; later events are held back until the
-- commit, and until then reach the old callbacks only. At the commit, each watcher of
-- old code that the new code has registered again is silenced, and each callback whose
-- events were held back is called with the latest one.
--
-- Tarantool keeps the callback of a watcher in a numbered slot of the Lua registry. A
-- watcher is silenced by another function in its slot. It is unregistered only after
-- the old roles have stopped, as they may unregister it themselves, and a second
-- `unregister` is an error. The key and the object of a watcher that was registered
-- before the first reload, or outside of a reload, are unknown: it stays registered,
-- but its callback does nothing.

local require = ...
local fiber = require('fiber')
local jutil = require('jit.util')
local log = require('log')
local twins = require('scan.twins')

-- Keep the function: other adapters replace it while new code is staged.
local new_fiber = fiber.new

local Watchers = {name = 'watchers'}
Watchers.__index = Watchers

-- The callback of a silenced watcher is compiled under a name of its own. It does not
-- count as a function of this program, so that the scan finds and patches the callback
-- inside it.
local SILENCER = '=(silenced watcher)'
local silence = loadstring([[
local callback, keys = ...
return function(key, ...)
    if callback ~= nil and not keys[key] then
        return callback(key, ...)
    end
end]], SILENCER)

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam ?table triggers the adapter of the triggers
local function new(txn, triggers)
    return setmetatable({
        txn = txn,
        triggers = triggers,
        items = {},     -- watchers of new code: {key, callback, watcher, slot, gate}
        ending = {},    -- silenced watchers, to be unregistered by `settle`
    }, Watchers)
end

function Watchers:snapshot()
    self.watch = rawget(box, 'watch')
    if type(self.watch) ~= 'function' then
        self.watch = nil
    end
end

--- Returns the number of the slot of the Lua registry with a function.
local function slot_of(f)
    for slot, value in next, debug.getregistry() do
        if type(slot) == 'number' and rawequal(value, f) then
            return slot
        end
    end
    return nil
end

--- Returns the function that stands in for the callback of a new watcher. The upvalue
-- has the name that `scan.stand_ins` expects.
local function gate_of(self, item)
    local original = item.callback
    return function(...)
        if self.is_over then
            return nil
        elseif not self.is_committed and item.is_told then
            item.held = {...}
            return nil
        end
        item.is_told = true
        return original(...)
    end
end

function Watchers:stage()
    local original = self.watch
    if original == nil then
        return
    end
    self.staged = function(key, callback, ...)
        if not (self.txn.staging and self.txn.ownership:is_asking()) or type(callback) ~= 'function' then
            return original(key, callback, ...)
        end
        local item = {key = key, callback = callback}
        item.gate = gate_of(self, item)
        item.watcher = original(key, item.gate, ...)
        item.slot = slot_of(item.gate)
        table.insert(self.items, item)
        return item.watcher
    end
    rawset(box, 'watch', self.staged)
end

local function unstage(self)
    if self.staged ~= nil and rawget(box, 'watch') == self.staged then
        rawset(box, 'watch', self.watch)
    end
end

--- Unregisters the watchers that new code has registered since `mark` was called.
function Watchers:mark()
    local count = #self.items
    return function()
        while #self.items > count do
            local item = table.remove(self.items)
            pcall(item.watcher.unregister, item.watcher)
        end
    end
end

function Watchers:list_new(functions)
    for _, item in ipairs(self.items) do
        table.insert(functions, item.callback)
    end
end

--- Puts the callbacks of new watchers into their slots, and sorts out the watchers that
-- new code has unregistered itself.
-- @treturn {table,...} the others
local function open(self)
    local registry, list = debug.getregistry(), {}
    for _, item in ipairs(self.items) do
        if item.slot ~= nil and rawequal(registry[item.slot], item.gate) then
            registry[item.slot] = item.callback
            table.insert(list, item)
        end
    end
    return list
end

--- Returns the function of the application in a callback: the callback itself, or the
-- one that it wraps.
-- @tparam function test (f) -> whether `f` belongs to the wanted generation
-- @treturn ?function
local function core_of(self, callback, test)
    return test(callback) and callback or self.txn.ownership.list_wrapped(callback, test)[1]
end

--- Lists the watchers of old code, in the order of their slots.
-- @treturn {table,...} {slot, callback, core, unit, silenced}; `key` and `watcher` if
--   known. `silenced` is the set of keys for which earlier reloads have silenced it.
local function list_old(self)
    -- The Lua registry has the functions of triggers, too.
    local ownership, others = self.txn.ownership, self.triggers and self.triggers:list_old() or {}
    local known, list = self.txn.stash.watchers or {}, {}
    local function is_old(f)
        return ownership:is_old(f)
    end
    for slot, callback in next, debug.getregistry() do
        if type(slot) == 'number' and type(callback) == 'function' and not others[callback] then
            local inner, silenced = callback, nil
            if jutil.funcinfo(callback).source == SILENCER then
                inner, silenced = select(2, debug.getupvalue(callback, 1)), select(2, debug.getupvalue(callback, 2))
            end
            local core = inner ~= nil and not ownership:wraps_new(inner) and core_of(self, inner, is_old)
            if core then
                local item = {slot = slot, callback = inner, core = core, unit = ownership:old_unit_of(core),
                    silenced = silenced or {}}
                for _, record in ipairs(known[callback] or {}) do
                    if record.slot == slot then
                        item.key, item.watcher = record.key, record.watcher
                    end
                end
                table.insert(list, item)
            end
        end
    end
    table.sort(list, function(a, b)
        return a.slot < b.slot
    end)
    return list
end

--- Whether two units belong to the same module.
local function is_same_module(self, unit, other)
    local counterparts = self.txn.counterparts
    return unit == other or counterparts ~= nil and counterparts:is_same_module(unit, other)
end

--- Finds the counterparts of old functions among the functions with which new code has
-- registered watchers: by their names, and for those without a name by `twins`.
-- @tparam {table,...} olds result of `list_old`
-- @tparam {table,...} news watchers of new code, with the fields `core` and `unit`
-- @treturn table old function -> new function
-- @treturn table set of these new functions
local function pair(self, olds, news)
    local counterparts, successors, taken = self.txn.counterparts, {}, {}
    local nameless, seen = {}, {}
    for _, item in ipairs(olds) do
        local core, unit = item.core, item.unit
        local successor = counterparts and counterparts:find(core, unit)
        if successor then
            successors[core], taken[successor] = successor, true
        elseif not seen[core] and (counterparts == nil or counterparts:name_of(core, unit) == nil) then
            seen[core] = true
            nameless[unit] = nameless[unit] or {}
            table.insert(nameless[unit], core)
        end
    end
    for unit, functions in pairs(nameless) do
        local candidates, is_listed = {}, {}
        for _, item in ipairs(news) do
            if is_same_module(self, unit, item.unit) and not taken[item.core] and not is_listed[item.core] then
                is_listed[item.core] = true
                table.insert(candidates, item.core)
            end
        end
        for core, successor in pairs(twins.pair(functions, candidates)) do
            successors[core], taken[successor] = successor, true
        end
    end
    return successors, taken
end

--- Groups the watchers of old code by their callbacks, with those of new code that may
-- replace them: those with the counterpart of the callback. If it has none, these are
-- the watchers of the same module with callbacks that are no counterpart either.
-- @treturn {table,...} {olds, keys, count}: `keys` is the set of the keys of the new
--   watchers, `count` the number of those with the counterpart
local function group(self, olds, news)
    local groups, by_callback = {}, {}
    local successors, taken = pair(self, olds, news)
    for _, item in ipairs(olds) do
        local found = by_callback[item.callback]
        if found == nil then
            local successor = successors[item.core]
            found = {olds = {}, keys = {}, count = 0}
            for _, other in ipairs(news) do
                local is_related = other.core == successor
                if successor == nil then
                    is_related = not taken[other.core] and is_same_module(self, item.unit, other.unit)
                end
                -- Two wrappers must have the same code.
                if is_related and (item.callback == item.core and other.callback == other.core
                    or self.txn.ownership.is_same(item.callback, other.callback)) then
                    found.keys[other.key] = true
                    found.count = found.count + (successor ~= nil and 1 or 0)
                end
            end
            by_callback[item.callback] = found
            table.insert(groups, found)
        end
        table.insert(found.olds, item)
    end
    return groups
end

--- Silences the watchers of a group that new code has registered again: those with the
-- same key. If the keys of some are unknown, all of these are silenced if new code has
-- registered the counterpart as often; otherwise the key decides at each call.
local function silence_group(self, found)
    local registry, unknown, count = debug.getregistry(), {}, found.count
    for _, item in ipairs(found.olds) do
        if item.key == nil then
            table.insert(unknown, item)
        elseif found.keys[item.key] then
            registry[item.slot] = silence()
            table.insert(self.ending, item.watcher)
            count = count - 1
        end
    end
    for _, item in ipairs(next(found.keys) ~= nil and unknown or {}) do
        for key in pairs(found.keys) do
            item.silenced[key] = true
        end
        registry[item.slot] = #unknown <= count and silence() or silence(item.callback, item.silenced)
    end
end

--- Records the watchers of new code for the next reload.
local function record(self, news)
    local stash = self.txn.stash
    stash.watchers = stash.watchers or setmetatable({}, {__mode = 'k'})
    for _, item in ipairs(news) do
        local list = stash.watchers[item.callback] or {}
        table.insert(list, {key = item.key, watcher = item.watcher, slot = item.slot})
        stash.watchers[item.callback] = list
    end
end

local function replace(self)
    local ownership, news, owned = self.txn.ownership, open(self), {}
    for _, item in ipairs(news) do
        item.core = core_of(self, item.callback, function(f)
            return ownership:is_new(f)
        end)
        if item.core ~= nil then
            item.unit = ownership:unit_of(item.core)
            table.insert(owned, item)
        end
    end
    for _, found in ipairs(#owned > 0 and group(self, list_old(self), owned) or {}) do
        silence_group(self, found)
    end
    record(self, owned)
    for _, item in ipairs(news) do
        if item.held ~= nil then
            new_fiber(item.callback, unpack(item.held, 1, table.maxn(item.held)))
        end
    end
end

function Watchers:commit()
    self.is_committed = true
    unstage(self)
    if #self.items == 0 then
        return
    end
    local ok, err = pcall(replace, self)
    if not ok then
        log.error('cartridge-reload: replacing watchers failed: %s', tostring(err))
        table.insert(self.txn.warnings,
            'watchers (box.watch) could not be replaced: the old ones may be called, too')
    end
end

--- Silences the watchers that old roles have registered again when they were restarted
-- after a rollback: those with the same code and key as a later one.
function Watchers:revive()
    self.is_committed = true
    unstage(self)
    local news, is_new = open(self), {}
    for _, item in ipairs(news) do
        is_new[item.slot] = true
    end
    for _, item in ipairs(#news > 0 and list_old(self) or {}) do
        local found = {olds = {item}, keys = {}, count = 0}
        for _, other in ipairs(news) do
            if self.txn.ownership.is_same(item.callback, other.callback) then
                found.keys[other.key] = true
            end
        end
        if not is_new[item.slot] then
            silence_group(self, found)
        end
    end
    self:settle()
end

--- Unregisters the silenced watchers. Must be called after the old roles have stopped.
-- A second call does nothing.
function Watchers:settle()
    for _, watcher in ipairs(self.ending) do
        pcall(watcher.unregister, watcher)
    end
    self.ending = {}
end

function Watchers:rollback(undone)
    self.is_over = not self.is_committed
    unstage(self)
    for _, item in ipairs(self.items) do
        if pcall(item.watcher.unregister, item.watcher) then
            table.insert(undone, 'a watcher (box.watch)')
        end
    end
end

return {new = new}
