--- Adapter: global variables. The adapter also watches tables that are held by a global
-- variable or by a variable of `cartridge.vars`.
--
-- A global that new code sets is visible to all code at once, so globals cannot be
-- staged. A rollback restores the previous values of globals, and of table entries that
-- new code has changed in place.
--
-- Old code may also set globals while a reload runs. A change can be attributed to new
-- code with certainty only if it happened while new code ran without yielding.

local require = ...
local fibers_lib = require('platform.fibers')
local key_name = require('core.key_name')

local Globals = {name = 'globals'}
Globals.__index = Globals

-- The maximum number of watched entries, per table and in total. Watching must stay
-- cheap, and a larger table is probably a cache.
local ENTRIES, ALL_ENTRIES = 1000, 10000

-- Globals that are not watched: the state table of this program, Lua's own names, and
-- globals that other adapters handle.
local IGNORED = {
    __cartridge_reload = true,
    _cluster_vars_defaults = true,
    _cluster_vars_values = true,
    _G = true,
    box = true,
    module = true,
    package = true,
    require = true,
}

local function new(txn, modules)
    return setmetatable({txn = txn, modules = modules}, Globals)
end

--- Copies the entries of a table.
-- @treturn[1] table
-- @treturn[1] number of entries
-- @treturn[2] nil if there are more than `limit` entries
local function shallow_copy(source, limit)
    local copy, count = {}, 0
    for key, value in next, source do
        count = count + 1
        if count > limit then
            return nil
        end
        copy[key] = value
    end
    return copy, count
end

--- Returns whether two values are identical. Ignores `__eq`, and treats NaN as equal to
-- itself.
local function is_same(a, b)
    return rawequal(a, b) or (type(a) == 'number' and type(b) == 'number' and a ~= a and b ~= b)
end

function Globals:snapshot()
    self.seen = shallow_copy(_G, math.huge)
    -- The globals that new code has set: name -> {before = {value}, value, verdict}
    self.set = {}
    self.data, self.entries = {}, 0
    for name, value in next, _G do
        if not IGNORED[name] and not rawequal(package.loaded[name], value) then
            self:watch('global ' .. key_name(name), value)
        end
    end
    for module, values in pairs(rawget(_G, '_cluster_vars_values') or {}) do
        if self.modules.by_name[module] ~= nil then
            for name, value in pairs(values) do
                self:watch(('cartridge.vars of %s: %s'):format(module, key_name(name)), value)
            end
        end
    end
end

--- Watches the entries of a table, unless the table is too large or `ALL_ENTRIES` is
-- reached. Adds an item to `self.data`. The item's field `changes` has an entry for each
-- key whose last change may be by new code: key -> {before = {value}, after, verdict}.
function Globals:watch(label, value)
    if type(value) ~= 'table' or self.entries >= ALL_ENTRIES then
        return
    end
    local copy, size = shallow_copy(value, ENTRIES)
    if copy ~= nil then
        self.entries = self.entries + size
        table.insert(self.data, {label = label, table = value, copy = copy, changes = {}})
    end
end

function Globals.commit()
end

--- Records which entries of a watched table have changed since the last check.
-- @tparam table data a watched table, see `watch`
-- @tparam ?string verdict see `look`
local function look_at_table(data, verdict)
    local function changed(key, before, after)
        if is_same(before, after) then
            return
        end
        local change = data.changes[key]
        if verdict == nil then
            -- Other code made the last change, so a rollback must keep the value.
            data.changes[key], data.has_others = nil, true
        else
            data.changes[key] = {
                before = change and change.before or {value = before},
                after = after,
                verdict = change and change.verdict == 'doubtful' and 'doubtful' or verdict,
            }
        end
    end
    for key, value in next, data.copy do
        changed(key, value, rawget(data.table, key))
    end
    for key, value in next, data.table do
        if rawequal(data.copy[key], nil) then
            changed(key, nil, value)
        end
    end
end

local function has_same_entries(a, b)
    for key, value in next, a do
        if not is_same(rawget(b, key), value) then
            return false
        end
    end
    for key in next, b do
        if rawequal(a[key], nil) then
            return false
        end
    end
    return true
end

--- Finds the globals and table entries that have changed since the last check. Records
-- the changes that new code may have made.
-- @tparam ?string verdict `certain` if new code made the changes, `doubtful` if it may
--   have made them, nil if it cannot have made them
local function look(self, verdict)
    local now = shallow_copy(_G, math.huge)
    local function changed(name)
        if IGNORED[name] or is_same(now[name], self.seen[name]) then
            return
        end
        local set = self.set[name]
        if verdict == nil then
            self.set[name] = nil
        else
            self.set[name] = {
                before = set and set.before or {value = self.seen[name]},
                value = now[name],
                verdict = set and set.verdict == 'doubtful' and 'doubtful' or verdict,
            }
        end
    end
    for name in pairs(now) do
        changed(name)
    end
    for name in pairs(self.seen) do
        if rawequal(now[name], nil) then
            changed(name)
        end
    end
    self.seen = now
    for _, data in ipairs(self.data) do
        if data.copy ~= nil and not has_same_entries(data.copy, data.table) then
            look_at_table(data, verdict)
            data.copy = shallow_copy(data.table, ENTRIES)
        end
    end
end

--- Returns the verdict (see `look`) on changes made while the transaction was not
-- calling new code. They are doubtful if new code has started a fiber, because that
-- fiber may have made them.
local function verdict_outside(self)
    return next(self.txn.ownership.adopted) ~= nil and 'doubtful' or nil
end

--- Records the changes made while the transaction was not calling new code.
function Globals:before_call()
    look(self, verdict_outside(self))
    self.has_yielded = fibers_lib.watch_yield()
end

--- Records changes made during a call to new code. If the call has not yielded, no other
-- code has run, so new code must have made the changes.
function Globals:after_call()
    look(self, self.has_yielded ~= nil and not self.has_yielded() and 'certain' or 'doubtful')
end

local function is_to_be_undone(self, set)
    if set.verdict == 'certain' or rawequal(set.before.value, nil) then
        return true
    end
    -- Either new code or old code may have made the change. Undo it only if the new value
    -- is a table or a function of new code. Keep other values: a number, for example, may
    -- be a counter that old code has increased.
    local kind = type(set.value)
    return kind == 'function' and self.txn.ownership:wraps_new(set.value) or kind == 'table'
end

--- Records the globals that new code has set, because the old code that runs next may
-- remove them.
-- @treturn function restores the removed globals; must be called after the old code has
--   run
function Globals:guard()
    local values = {}
    for name in pairs(self.set) do
        values[name] = rawget(_G, name)
    end
    return function()
        for name, value in pairs(values) do
            if rawget(_G, name) == nil then
                rawset(_G, name, value)
            end
        end
    end
end

--- Closes the gaps that removed entries have left in a list. Other code may have added
-- entries after these gaps.
local function close_gaps(list)
    local last = 0
    for index = 1, table.maxn(list) do
        local value = rawget(list, index)
        if value ~= nil then
            last = last + 1
            if index ~= last then
                rawset(list, index, nil)
                rawset(list, last, value)
            end
        end
    end
end

--- Restores the table entries whose changes have the verdict `certain` (see `look`).
-- @treturn boolean whether any entry was restored
-- @treturn boolean whether doubtful changes remain
local function restore_table(data)
    local is_list = rawget(data.table, 1) ~= nil and #data.table == table.maxn(data.table)
    local is_undone, is_doubtful = false, false
    for key, change in pairs(data.changes) do
        if change.verdict ~= 'certain' then
            is_doubtful = true
        elseif is_same(rawget(data.table, key), change.after) then
            rawset(data.table, key, change.before.value)
            is_undone = true
        end
    end
    if is_undone and is_list and data.has_others then
        close_gaps(data.table)
    end
    return is_undone, is_doubtful
end

--- Records the changes made since the last check, because new code may have made them.
-- Must be called before other adapters roll back, because their rollback changes
-- globals.
function Globals:before_rollback()
    look(self, verdict_outside(self))
end

function Globals:rollback(undone, _, doubts)
    look(self, nil)
    for name, set in pairs(self.set) do
        local label = 'global ' .. key_name(name)
        if is_to_be_undone(self, set) then
            rawset(_G, name, set.before.value)
            table.insert(undone, label)
        else
            table.insert(doubts, label .. ' changed during the reload, but possibly not by the new code')
        end
    end
    for _, data in ipairs(self.data) do
        local is_undone, is_doubtful = restore_table(data)
        if is_undone then
            table.insert(undone, data.label .. ', in place')
        end
        if is_doubtful then
            table.insert(doubts, data.label
                .. ' was changed in place during the reload, possibly not by the new code')
        end
    end
end

return {new = new}
