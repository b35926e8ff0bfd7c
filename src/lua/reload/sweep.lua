--- After a rollback: finds failed code that is still registered somewhere, for
-- example in a rock, and removes it.
--
-- Walks the heap like the scan for stale references, with the failed functions
-- as targets. On the path to each of them there is a last object that existed
-- before the new code ran, see `image`. Its reference on that path was created
-- by the new code: to a function, or to a table or closure around it. The
-- object gets back what it held before:
--
-- -- 	slot, map	the former value, or the key is removed
-- -- 	list		the entry is removed and the gap is closed
-- -- 	upvalue, metatable, environment		the former value
-- -- 	fiber		cancelled, if it was created to run failed code
--
-- References of C code in the Lua registry stay: C code keeps their indexes,
-- and the free ones form a chain.
--
-- Requests that are running failed code are left to finish. Whatever is found
-- in the end cannot be removed, and is reported.

local require = ...
local clock = require('clock')
local ffi = require('ffi')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local generations = require('code.generations')
local image_lib = require('reload.image')
local lists = require('reload.lists')
local log = require('log')
local origin = require('code.ownership')
local merge = require('reload.merge')
local roots_lib = require('scan.roots')
local scan = require('scan.init')
local slice = require('core.yield')
local terminate = require('code.terminate')
local walk_lib = require('scan.heap_walk')
local words = require('scan.describe')

-- Number of walks: an object can be held in several places, and each walk finds
-- one path.
local PASSES = 6
-- Minimum time in seconds.
local SECONDS = 0.3
-- Seconds that requests have to leave failed code, and fibers to end.
local DRAIN = 1
-- Seconds in which fibers are ended that catch errors.
local TERMINATE = 0.25
-- Entries of a table that may be names; what has more is data.
local ENTRIES = 1000
-- How deep a former value is examined for objects out of use.
local MARKED_DEPTH = 3
-- How many remaining references are named.
local NAMED = 20

local INCOMPLETE = 'the search for failed code is incomplete: '

local Sweep = {}
Sweep.__index = Sweep

--- @tparam table txn the transaction
local function new(txn)
    return setmetatable({txn = txn}, Sweep)
end

--- Takes the image. No new code has run yet. Yields.
function Sweep:remember()
    local ok, result = pcall(image_lib.take, {
        registry = self.txn.registry,
        deadline = self.txn.deadline,
        limit = scan.limit(),
    })
    if ok then
        self.image = result
    else
        self.why = tostring(result)
    end
    -- A cancelled fiber must not continue.
    self.txn:check()
end

--- Whether an object existed before the new code ran, as far as is known.
function Sweep:was_there(object)
    return self.image ~= nil and self.image:find(object) ~= nil
end

--- Drops the image: the new code has taken over.
function Sweep:forget()
    self.image = nil
end

function Sweep:is_failed(f)
    return generations.is_failed(self.txn.registry, f)
end

--- Whether a function is failed code, or a closure around it.
function Sweep:wraps_failed(f)
    return #origin.list_wrapped(f, function(g)
        return self:is_failed(g)
    end) > 0
end

--- Whether a value is failed code, or a closure or table around it.
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

--- Restores what a library has marked as out of use when it replaced it: an
-- object with another metatable. It gets back that and what was taken from it.
-- @param object a former value that has its place again
-- @tparam number depth of the objects in it that are examined
-- @tparam table budget {left = how many entries are examined}
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

--- Restores the former value of a table field.
-- @treturn boolean false if that has to wait
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

--- Restores what an object held in place of an edge.
-- @tparam table edge {object, key, child}
-- @treturn boolean whether that was possible
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

--- Returns the last reference on the path to a place that is held by an older
-- object.
-- @treturn ?table {object, key, child}, {root, child} if there is no such object;
--   nil if it cannot be said
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
            -- If the image is incomplete, an object missing in it may still be
            -- older.
            if not self.image.is_complete and number ~= place.number then
                return nil
            end
            return {object = object, key = key, child = child}
        end
        number, child, key = parent, object, key_before
    end
    return {root = self.roots[-number], child = child}
end

--- Whether a protected call on a fiber's stack would swallow its cancellation.
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

--- Whether a fiber was made to run failed code: the function that it began with
-- is failed, or holds failed code in an upvalue, or has got it as an argument.
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

--- Cancels the fibers that were made to run failed code.
-- @treturn {table,...} those that are still there: {id, thread, object}
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

--- Ends those that catch the error of their cancellation. Yields.
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

--- Waits for fibers to end, and for requests to leave failed code and lists.
-- Leaves enough time to look again.
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

--- Searches for failed code once.
-- @treturn boolean whether it was looked for everywhere
local function look(self)
    self.places = {}
    self.roots = roots_lib.collect()
    self.walk = walk_lib.new({
        deadline = self.deadline,
        limit = scan.limit(),
        lists = self.walk and self.walk.lists,
        without = {self.txn.registry, roots_lib.finalizers(), self.fibers, fibers_lib.known()},
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
    local ok, _, where = pcall(words.tell, self.walk, self.roots, place)
    return ok and where or 'an unnamed place'
end

--- Restores what can be restored; the rest stays in `places`.
-- @treturn number how many references were
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
        -- Even if the time is over: what was found is still restored.
        pcall(slice.pause)
    end
    self.places = rest
    if count > 0 then
        -- Compiled traces treat upvalues that never changed as constants.
        jit.flush()
    end
    return count
end

--- Reports what is left.
local function tell(self, left)
    local function is_told(text)
        for _, other in ipairs(left) do
            if other:find(text, 1, true) then
                return true
            end
        end
        return false
    end
    local told, count = {}, 0
    for _, place in ipairs(self.places) do
        local is_code = type(place.func) == 'function'
        local where = label(self, place)
        local info = is_code and debug.getinfo(place.func, 'S') or {source = '', linedefined = 0}
        local text = ('%s still refers to failed code (%s:%d)'):format(where, info.source:gsub('^@', ''),
            info.linedefined)
        local id = where:match('fiber %d+ ')
        -- A fiber that has ended runs nothing.
        if is_code and not told[text] and not (id and is_told(id)) then
            told[text] = true
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

--- Searches for failed code and removes it, until none is found.
-- @treturn ?string why it was not looked for everywhere
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
        -- Two failed attempts to restore something are enough.
        if #self.undone == before and pass > 1 then
            break
        end
    end
    return why
end

--- What tables have got under names since new code began to run, and what they have
-- that new code keeps. May yield.
-- @tparam table kept set of objects
-- @treturn {table,...} {parent, key, child}
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
            slice.pause()
        end
    end
    return list
end

--- Says why failed code was not looked for everywhere.
local function doubt(rollback, why)
    log.warn('cartridge-reload: %s%s', INCOMPLETE, tostring(why))
    table.insert(rollback.doubts, INCOMPLETE .. tostring(why))
end

--- Removes failed code from all places where it is still registered. Yields.
-- @tparam table rollback lists `undone`, `left`, `doubts`, see `transaction`
-- @tparam {userdata,...} fibers that the failed code has started
-- @tparam ?number part share of the remaining time that it may take
function Sweep:run(rollback, fibers, part)
    local why = self.why
    if self.image ~= nil and next(self.txn.registry.failed) ~= nil then
        self.undone, self.cancelled, self.places, self.fibers = rollback.undone, {}, {}, {}
        for _, object in ipairs(fibers) do
            self.fibers[object] = true
        end
        self.deadline = clock.monotonic() + math.max(SECONDS, self.txn:limited(math.huge, part))
        self.ffi = {[debug.getfenv(ffi.metatype)] = true}
        local ok, result = pcall(search, self)
        why = result
        if ok then
            tell(self, rollback.left)
        end
    end
    if why ~= nil then
        doubt(rollback, why)
    end
end

--- Notes what the `stop` of an old role has ended before the commit, which must not
-- be restored. Yields.
function Sweep:note_stop()
    if self.image ~= nil then
        self.image:forget_removed()
    end
end

--- Must be called before old roles restart. Yields.
function Sweep:prepare()
    local ok, result = pcall(merge.note, self.image or {shards = {}})
    self.noted = ok and result or nil
end

--- Makes one of two, where old roles that were started again have registered what
-- was there. Yields.
function Sweep:merge(rollback)
    if self.undone ~= nil and self.noted ~= nil then
        local ok, err = pcall(merge.run, self.image, self.noted, self.txn.origin, self.undone)
        if not ok then
            doubt(rollback, err)
        end
    end
end

return {new = new}
