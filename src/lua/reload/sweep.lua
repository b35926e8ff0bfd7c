--- Removes failed code after a rollback: finds functions of failed code that are
-- still registered somewhere, for example in a rock.
--
-- The search walks the heap like the scan for stale references, but looks for
-- failed functions. The path to a failed function begins with objects that existed
-- before the new code ran, see `image`. The last of these objects holds a reference
-- that new code has created: to the failed function itself, or to a table or
-- closure around it. The sweep removes this reference by restoring what was in its
-- place before:
--
--   field of a table  is set to its former value; a new key is removed
--   entry of a list   is removed, and the gap is closed
--   upvalue           is set to its former value; so is a metatable or environment
--
-- Fibers that were created to run failed code are cancelled. Requests that are
-- running failed code are left to finish.
--
-- C code holds some references in the Lua registry by number. These are not
-- removed, because the C code would still use the numbers. Whatever cannot be
-- removed is reported.

local require = ...
local clock = require('clock')
local describe_lib = require('scan.describe')
local ffi = require('ffi')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local generations = require('code.generations')
local image_lib = require('reload.image')
local lists = require('reload.lists')
local log = require('log')
local ownership = require('code.ownership')
local merge = require('reload.merge')
local roots_lib = require('scan.roots')
local scan = require('scan.init')
local yield = require('core.yield')
local terminate = require('code.terminate')
local walk_lib = require('scan.heap_walk')

-- Maximum number of walks. One walk may not be enough: it finds only one path to
-- each object, and several places may refer to the object.
local PASSES = 6
-- Minimum time for the search, in seconds.
local SECONDS = 0.3
-- Maximum time to wait for requests to leave failed code and for fibers to end, in
-- seconds.
local DRAIN = 1
-- Time limit for ending fibers that catch errors, in seconds.
local TERMINATE = 0.25
-- Maximum number of entries that are examined in one table.
local ENTRIES = 1000
-- Maximum depth to which a restored value is searched, see `restore_marked`.
local MARKED_DEPTH = 3
-- Maximum number of remaining references that are reported individually.
local NAMED = 20

local INCOMPLETE = 'the search for failed code is incomplete: '

local Sweep = {}
Sweep.__index = Sweep

--- Creates the sweep of a transaction. `remember` must take the image before new
-- code runs.
-- @tparam table txn the transaction
local function new(txn)
    return setmetatable({txn = txn}, Sweep)
end

--- Takes the image: records what all objects hold before new code runs. Yields.
function Sweep:remember()
    local ok, result = pcall(image_lib.take, {
        stash = self.txn.stash,
        deadline = self.txn.deadline,
        limit = scan.limit(),
    })
    if ok then
        self.image = result
    else
        self.why = tostring(result)
    end
    -- `pcall` also catches the error of a cancellation: throw it again.
    self.txn:check()
end

--- Whether an object existed before the new code ran, according to the image.
function Sweep:was_there(object)
    return self.image ~= nil and self.image:find(object) ~= nil
end

--- Drops the image. Called after the commit: from then on there is no rollback.
function Sweep:forget()
    self.image = nil
end

function Sweep:is_failed(f)
    return generations.is_failed(self.txn.stash, f)
end

--- Whether a function is failed code, or a wrapper around it.
function Sweep:wraps_failed(f)
    return #ownership.list_wrapped(f, function(g)
        return self:is_failed(g)
    end) > 0
end

--- Whether a value holds failed code: it is a failed function, a wrapper around
-- one, or a table with such a function in a field. The table must have been
-- created after the image was taken.
function Sweep:holds_failed(value)
    if type(value) == 'function' then
        return self:wraps_failed(value)
    elseif type(value) ~= 'table' or self.image:find(value) ~= nil then
        return false
    end
    for _, field in next, value do
        if type(field) == 'function' and self:wraps_failed(field) then
            return true
        end
    end
    return false
end

--- Repairs a former value that was put back into its slot, and the objects that it
-- contains. When new code replaced the value, the library may have marked it as
-- disabled, by giving it another metatable and removing its fields. The metatable
-- and the fields are restored.
-- @param object the former value
-- @tparam number depth to which contained objects are examined
-- @tparam table budget {left = number of entries that may still be examined}
local function restore_marked(self, object, depth, budget)
    local record = type(object) == 'table' and self.image:find(object)
    if not record or record.entries == nil then
        return
    end
    local is_marked = not rawequal(debug.getmetatable(object), record.metatable)
    if is_marked then
        debug.setmetatable(object, record.metatable)
    end
    for key, value in next, record.entries do
        budget.left = budget.left - 1
        if budget.left < 0 then
            break
        elseif is_marked and rawget(object, key) == nil then
            rawset(object, key, value)
        end
        if depth > 0 then
            restore_marked(self, value, depth - 1, budget)
        end
    end
end

--- Removes a reference that is a table entry: restores the former value of the
-- entry, or removes the entry if it is new.
-- @tparam table edge the reference, see `edge_of`
-- @tparam table record what the table held according to the image
-- @treturn boolean false if it must be tried again later, because a loop is running
--   over the list
local function restore_field(self, edge, record)
    local object = edge.object
    local key = lists.index_of(object, edge.key, edge.child)
    if key == nil then
        return true
    end
    local before = record.entries[key]
    local is_list = type(key) == 'number' and (key == 1 or rawget(object, key - 1) ~= nil)
    local is_last = not is_list or rawget(object, key + 1) == nil
    if before ~= nil and not (is_list
        and lists.count_equivalents(object, before) >= lists.count_equivalents(record.entries, before)) then
        rawset(object, key, before)
        restore_marked(self, before, MARKED_DEPTH, {left = ENTRIES})
    elseif is_last then
        rawset(object, key, nil)
    elseif lists.is_in_use(object) then
        table.insert(self.waiting, object)
        return false
    else
        lists.close_gap(object, key)
    end
    return true
end

--- Removes a reference by restoring what was in its place before new code ran.
-- @tparam table edge the reference, see `edge_of`
-- @treturn boolean false if that was not possible
local function restore(self, edge)
    local object, key, child = edge.object, edge.key, edge.child
    if edge.root ~= nil then
        return edge.root.set ~= nil and pcall(edge.root.set, nil, child)
    end
    local record = self.image:find(object)
    if self.ffi[object] or type(object) == 'thread' and key ~= walk_lib.ENVIRONMENT
        or object == debug.getregistry() and type(key) == 'number' then
        return false
    elseif key == walk_lib.METATABLE then
        if rawequal(debug.getmetatable(object), child) then
            debug.setmetatable(object, record.metatable)
        end
    elseif key == walk_lib.ENVIRONMENT then
        if rawequal(debug.getfenv(object), child) then
            debug.setfenv(object, record.environment)
        end
    elseif type(object) == 'function' then
        local _, value = debug.getupvalue(object, key)
        if rawequal(value, child) then
            debug.setupvalue(object, key, record.upvalues[key])
        end
    elseif type(object) ~= 'table' or record.entries == nil then
        return false
    elseif key == walk_lib.KEY then
        rawset(object, child, nil)
    else
        return restore_field(self, edge, record)
    end
    return true
end

--- Finds the reference to remove on the path to a failed function: the last one on
-- the path whose holder existed before the failed code.
-- @tparam table place the reference to the failed function that the walk has found
-- @treturn ?table {object, key, child}: `object` refers to `child` under `key`. If
--   only the root of the path is older than the failed code: {root, child}. Nil if
--   the image is incomplete, so that it is unknown which objects are older.
local function edge_of(self, place)
    local number, child, key = place.number, place.func, place.key
    if place.kind == 'key' then
        key = walk_lib.KEY
    elseif place.kind == 'frame' then
        key = walk_lib.FRAME
    elseif place.kind == 'local' then
        key = place.key.name
    end
    while number > 0 do
        local object, parent, key_before = self.walk:at(number)
        if self.image:find(object) ~= nil then
            -- If the image is incomplete, the next objects on the path may be older
            -- than the failed code without being in the image.
            if not self.image.is_complete and number ~= place.number then
                return nil
            end
            return {object = object, key = key, child = child}
        end
        number, child, key = parent, object, key_before
    end
    return {root = self.roots[-number], child = child}
end

--- Whether a protected call on a fiber's stack would catch the error of a
-- cancellation.
local function is_protected(thread)
    for level = 0, walk_lib.LEVELS do
        local info = debug.getinfo(thread, level, 'f')
        if info == nil then
            return false
        elseif info.func == pcall or info.func == xpcall then
            return true
        end
    end
    return true
end

--- Whether a fiber was created to run failed code: its entry function is a failed
-- function or refers to one in an upvalue, an argument or a local variable.
function Sweep:is_for_failed(thread)
    local entry
    for level = 0, walk_lib.LEVELS do
        local info = debug.getinfo(thread, level, 'fS')
        if info == nil then
            break
        elseif info.what ~= 'C' then
            entry = {level = level, func = info.func}
        end
    end
    if entry == nil then
        return false
    elseif self:wraps_failed(entry.func) then
        return true
    end
    for index = 1, 255 do
        local name, value = debug.getupvalue(entry.func, index)
        if name == nil then
            break
        elseif self:holds_failed(value) then
            return true
        end
    end
    for _, step in ipairs({1, -1}) do
        local index = step
        while true do
            local name, value = debug.getlocal(thread, entry.level, index)
            if name == nil then
                break
            elseif self:holds_failed(value) then
                return true
            end
            index = index + step
        end
    end
    return false
end

local function note_end(self, item)
    self.cancelled[item.id], self.fibers[item.object] = true, true
    table.insert(self.undone, ('fiber %d %q'):format(item.id, item.name))
end

--- Cancels the fibers that were created to run failed code.
-- @treturn {table,...} fibers that have not ended yet: {id, thread, object}
local function end_fibers(self)
    local list = {}
    for _, item in ipairs(fibers_lib.threads() or {}) do
        if not self.image:has_fiber(item.id) and self:is_for_failed(item.thread) then
            item.object = fiber.find(item.id)
            if item.object ~= nil then
                table.insert(list, item)
                if not self.cancelled[item.id] and not is_protected(item.thread) then
                    pcall(item.object.cancel, item.object)
                    note_end(self, item)
                end
            end
        end
    end
    return list
end

--- Ends fibers that have caught the error of their cancellation. Yields.
local function terminate_fibers(self, list)
    local function is_over(item)
        return not fibers_lib.is_alive(item)
    end
    terminate.run(list, clock.monotonic() + TERMINATE, is_over)
    for _, item in ipairs(list) do
        if is_over(item) and not self.cancelled[item.id] then
            note_end(self, item)
        end
    end
end

--- Waits, for a limited time, until cancelled fibers have ended, requests have
-- returned from failed code, and loops over lists have finished. Leaves enough time
-- for another search. Yields.
local function drain(self)
    local now = clock.monotonic()
    local until_time = now + math.min(DRAIN, math.max(0, self.deadline - now) / 2)
    local threads = {}
    for _, place in ipairs(self.places) do
        if place.kind == 'frame' or place.kind == 'local' then
            table.insert(threads, place.object)
        end
    end
    local function is_busy(thread)
        for level = 0, coroutine.status(thread) ~= 'dead' and walk_lib.LEVELS or -1 do
            local info = debug.getinfo(thread, level, 'f')
            if info == nil then
                return false
            elseif self:is_failed(info.func) then
                return true
            end
        end
        return false
    end
    local alive
    repeat
        alive = end_fibers(self)
        local busy = #alive > 0
        for _, thread in ipairs(threads) do
            busy = busy or is_busy(thread)
        end
        for _, list in ipairs(self.waiting) do
            busy = busy or lists.is_in_use(list)
        end
        if busy then
            fiber.sleep(0.01)
        end
    until not busy or clock.monotonic() > until_time
    if #alive > 0 then
        terminate_fibers(self, alive)
    end
end

--- Walks the heap once, and stores the references to failed code in `self.places`.
-- Yields.
-- @treturn boolean whether the whole heap was walked
local function look(self)
    self.places = {}
    self.roots = roots_lib.collect()
    self.walk = walk_lib.new({
        deadline = self.deadline,
        limit = scan.limit(),
        lists = self.walk and self.walk.lists,
        without = {self.txn.stash, roots_lib.finalizers(), self.fibers, fibers_lib.known()},
        userdata = self.fibers,
        classify = function(f)
            if self:is_failed(f) then
                return 'stale'
            end
            return generations.is_ours(f) and 'ours' or 'other'
        end,
        on_place = function(number, kind, key, f, object)
            table.insert(self.places, {number = number, kind = kind, key = key, func = f, object = object})
        end,
    })
    return self.walk:run(self.roots)
end

local function label(self, place)
    local ok, _, where = pcall(describe_lib.describe, self.walk, self.roots, place)
    return ok and where or 'an unnamed place'
end

--- Removes references to failed code, and deletes them from `self.places`.
-- References that could not be removed stay there.
-- @treturn number how many were removed
local function repair(self)
    local count, done, rest = 0, {}, {}
    self.waiting = {}
    for _, place in ipairs(self.places) do
        local edge = edge_of(self, place)
        local known = {}
        if edge ~= nil then
            local holder = edge.object or edge.root
            done[holder] = done[holder] or {}
            known = done[holder]
            if known[edge.child] == nil then
                local where = label(self, place)
                local ok, is_restored = pcall(restore, self, edge)
                known[edge.child] = ok and is_restored
                if known[edge.child] then
                    count = count + 1
                    table.insert(self.undone, where)
                end
            end
        end
        if edge == nil or not known[edge.child] then
            table.insert(rest, place)
        end
        -- Continue even if this fiber is cancelled: the references must still be
        -- removed.
        pcall(yield.if_due)
    end
    self.places = rest
    if count > 0 then
        -- Compiled traces treat upvalues that never changed as constants: discard the
        -- traces.
        jit.flush()
    end
    return count
end

--- Reports the references to failed code that could not be removed.
-- @tparam {string,...} left a line is appended for each reference
local function report_remaining(self, left)
    local function is_reported(text)
        for _, other in ipairs(left) do
            if other:find(text, 1, true) then
                return true
            end
        end
        return false
    end
    local reported, count = {}, 0
    for _, place in ipairs(self.places) do
        local is_code = type(place.func) == 'function'
        local where = label(self, place)
        local info = is_code and debug.getinfo(place.func, 'S') or {source = '', linedefined = 0}
        local text = ('%s still refers to failed code (%s:%d)'):format(where, info.source:gsub('^@', ''),
            info.linedefined)
        local id = where:match('fiber %d+ ')
        -- If `left` already has a line about the fiber, do not add another one.
        if is_code and not reported[text] and not (id and is_reported(id)) then
            reported[text] = true
            count = count + 1
            if count <= NAMED then
                table.insert(left, text)
            end
        end
    end
    if count > NAMED then
        table.insert(left, ('%d more references to failed code'):format(count - NAMED))
    end
end

--- Searches for failed code and removes it. Repeats this until no failed code is
-- found, or none of it can be removed. Yields.
-- @treturn ?string why the search is incomplete
local function search(self)
    local why = scan.refusal()
    for pass = 1, why == nil and PASSES or 0 do
        local is_whole, before = look(self), #self.undone
        if is_whole and #self.places == 0 then
            break
        end
        repair(self)
        if not is_whole then
            why = scan.STOPPED[self.walk.stopped] or self.walk.stopped
            break
        end
        drain(self)
        -- Give up if a walk after the first one has removed nothing.
        if #self.undone == before and pass > 1 then
            break
        end
    end
    return why
end

--- Lists the table entries with string keys that `stop` must not remove, because
-- new code depends on them: entries that were set after new code had begun to run,
-- and older entries if new code refers to their values. May yield.
-- @tparam table kept set of objects to which new code refers, see `scan.census`
-- @treturn {table,...} {parent, key, child}: the table, and the key and value of
--   the entry
function Sweep:list_named(kept)
    local list = {}
    for _, shard in pairs(self.image ~= nil and self.image.shards or {}) do
        for object, record in pairs(shard) do
            local left = ENTRIES
            for key, value in next, type(object) == 'table' and record.entries and object or {} do
                left = left - 1
                if left == 0 then
                    break
                elseif type(key) == 'string' and (kept[value] or not rawequal(record.entries[key], value)) then
                    table.insert(list, {parent = object, key = key, child = value})
                end
            end
            yield.if_due()
        end
    end
    return list
end

--- Logs and reports why the search for failed code is incomplete.
local function report_incomplete(rollback, why)
    log.warn('cartridge-reload: %s%s', INCOMPLETE, tostring(why))
    table.insert(rollback.doubts, INCOMPLETE .. tostring(why))
end

--- Removes failed code wherever it is still registered. Yields.
-- @tparam table rollback {undone, left, doubts}, see `transaction`; lines are appended
-- @tparam {userdata,...} fibers that failed code has started
-- @tparam ?number part share of the remaining time that the search may take
function Sweep:run(rollback, fibers, part)
    local why = self.why
    if self.image ~= nil and next(self.txn.stash.failed) ~= nil then
        self.undone, self.cancelled, self.places, self.fibers = rollback.undone, {}, {}, {}
        for _, object in ipairs(fibers) do
            self.fibers[object] = true
        end
        self.deadline = clock.monotonic() + math.max(SECONDS, self.txn:limited(math.huge, part))
        self.ffi = {[debug.getfenv(ffi.metatype)] = true}
        local ok, result = pcall(search, self)
        why = result
        if ok then
            report_remaining(self, rollback.left)
        end
    end
    if why ~= nil then
        report_incomplete(rollback, why)
    end
end

--- Adapts the image after an old role was stopped before the commit: removes what
-- its `stop` has unregistered, so that a rollback does not restore it. Yields.
function Sweep:note_stop()
    if self.image ~= nil then
        self.image:forget_removed()
    end
end

--- Records the registrations that requests have added, because `merge` must not
-- merge these. Must be called before old roles restart. Yields.
function Sweep:prepare()
    local ok, result = pcall(merge.note, self.image or {shards = {}})
    self.noted = ok and result or nil
end

--- Merges the duplicates that arise when restarted old roles register again what is
-- still registered from their first start. Yields.
-- @tparam table rollback {undone, left, doubts}, see `transaction`; lines are
--   appended
function Sweep:merge(rollback)
    if self.undone ~= nil and self.noted ~= nil then
        local ok, err = pcall(merge.run, self.image, self.noted, self.txn.ownership, self.undone)
        if not ok then
            report_incomplete(rollback, err)
        end
    end
end

return {new = new}
