--- Adapter: watchers (`box.watch`, Tarantool 2.10 and newer).
--
-- Watchers of new code are registered at once, not staged. Tarantool then calls the new
-- callback with the current value. This first call is let through, because new code may
-- wait for it. Later events are held back from new callbacks until the commit; old
-- callbacks still get them. At the commit, an old watcher is silenced if new code has
-- registered it again. Then each new callback gets the latest event that was held back
-- from it, if any.
--
-- Tarantool keeps the callback of a watcher in a numbered slot of the Lua registry. To
-- silence a watcher, this adapter puts another function into its slot. Silenced
-- watchers are unregistered only after the old roles have stopped, because the `stop`
-- of a role may itself unregister a watcher, and a second `unregister` raises an error.
--
-- If a watcher was registered outside of a reload, its key and its object are unknown.
-- Such a watcher can be silenced, but not unregistered: it stays registered with a
-- callback that does nothing.

local require = ...
local fiber = require('fiber')
local jutil = require('jit.util')
local log = require('log')
local twins = require('scan.twins')

-- Keep the original function, because other adapters replace `fiber.new` during a
-- reload.
local new_fiber = fiber.new

local Watchers = {name = 'watchers'}
Watchers.__index = Watchers

-- Chunk name of the functions that silence watchers. It lacks the usual prefix of this
-- program, because the scan for stale references skips chunks with that prefix. The scan
-- must not skip these functions: it must patch the callback in their upvalue.
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
-- @tparam ?table triggers the triggers adapter
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

--- Returns the number of the Lua registry slot that holds a function.
-- @treturn ?number nil if there is none
local function slot_of(f)
    for slot, value in next, debug.getregistry() do
        if type(slot) == 'number' and rawequal(value, f) then
            return slot
        end
    end
    return nil
end

--- Returns a function that is registered instead of a new watcher's callback, and holds
-- back events until the commit. The upvalue with the callback must be named `original`,
-- so that `scan.stand_ins` finds it.
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

--- Returns a function that unregisters the watchers that new code has registered since
-- `mark` was called.
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

--- Stops holding back events: in the slots of new watchers, replaces the functions from
-- `gate_of` with the callbacks. Skips watchers that new code has already unregistered.
-- @treturn {table,...} the new watchers that are still registered
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

--- Returns the application's function behind a callback: the callback itself, or a
-- function that it wraps.
-- @tparam function test (f) -> whether `f` belongs to the wanted generation
-- @treturn ?function nil if there is none
local function core_of(self, callback, test)
    return test(callback) and callback or self.txn.ownership.list_wrapped(callback, test)[1]
end

--- Lists the watchers of old code, in the order of their slots.
-- @treturn {table,...} {slot, callback, core, unit, silenced}, and `key` and `watcher`
--   if they are known. `silenced` is the set of the keys for which earlier reloads have
--   silenced the watcher.
local function list_old(self)
    -- The Lua registry also holds the functions of triggers. Skip these functions.
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

local function is_same_module(self, unit, other)
    local counterparts = self.txn.counterparts
    return unit == other or counterparts ~= nil and counterparts.modules:is_same(unit, other)
end

--- Pairs the functions of old watchers with those of new watchers. Functions that have a
-- name are paired by name, all others by the rules of `scan.twins`.
-- @tparam {table,...} olds result of `list_old`
-- @tparam {table,...} news watchers of new code, with the fields `core` and `unit`
-- @treturn table old function -> new function
-- @treturn table set of the new functions that were paired
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

--- Groups the watchers of old code by callback, and finds the new watchers that may
-- replace each group:
--   * If `pair` has found a new function for the callback: the watchers of that function.
--   * If not: the unpaired new watchers of the same module.
-- @treturn {table,...} {olds, keys, count}: `olds` are the old watchers of the group;
--   `keys` is the set of the keys of the new watchers that may replace them; `count` is
--   the number of these new watchers, or 0 if they are unpaired
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
                -- A wrapper is replaced only by a wrapper with the same code.
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

--- Silences the old watchers of a group. An old watcher with a known key is silenced if
-- new code has registered a watcher for that key. This uses up one of the `count` new
-- watchers. The old watchers with unknown keys are silenced for all keys if at least as
-- many new watchers are left. If fewer are left, those old watchers are silenced only
-- for the keys of the new watchers, and for the keys that earlier reloads have silenced.
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

--- Records the keys and objects of new watchers in the state table, for the next
-- reload.
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
        log.error('cartridge-reload: failed to replace watchers: %s', tostring(err))
        table.insert(self.txn.warnings,
            'watchers (box.watch) could not be replaced, so the old ones may still be called')
    end
end

--- After a rollback, silences duplicates. Restarted old roles have registered their
-- watchers again, so each previous watcher with the same code and key is silenced.
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
