--- Removes failed code, the new code of a reload that was rolled back. Its functions may
-- still be registered somewhere, for example in a rock.
--
-- The sweep walks the heap like the scan for stale references, but looks for failed
-- functions. The path to a failed function begins with objects that existed before new
-- code ran, see `image`. The last of these objects holds a reference that new code has
-- created: to the failed function, or to a table or closure around it. The sweep gives
-- the slot of this reference its former value, see `restore`.
--
-- Fibers that were created to run failed code are cancelled, see `failed_fibers`.
-- Requests that are running failed code are left to finish.
--
-- References that C code holds by number in the Lua registry are not removed, because C
-- code would still use the numbers. All remaining references are reported.

local require = ...
local clock = require('clock')
local describe_lib = require('scan.describe')
local failed_fibers = require('reload.failed_fibers')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local generations = require('code.generations')
local image_lib = require('reload.image')
local lists = require('reload.lists')
local log = require('log')
local merge = require('reload.merge')
local restore = require('reload.restore')
local roots_lib = require('scan.roots')
local scan = require('scan.init')
local stacks = require('platform.stacks')
local yield = require('core.yield')
local walk_lib = require('scan.heap_walk')

-- Maximum number of walks over the heap. Each walk finds only one path to an object,
-- but several objects may refer to it.
local PASSES = 6
-- Minimum time limit of the search for failed code, in seconds.
local SECONDS = 0.3
-- Maximum time, in seconds, to wait for requests to leave failed code and for fibers to
-- end.
local DRAIN = 1
-- Maximum number of remaining references to failed code that are reported one by one.
local NAMED = 20

local INCOMPLETE = 'the search for failed code is incomplete: '

local Sweep = {}
Sweep.__index = Sweep

--- Creates the sweep for a transaction. `remember` must be called before new code runs.
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
    -- `pcall` also catches a cancellation error. `txn:check()` raises this error again.
    self.txn:check()
end

--- Returns whether an object existed before new code ran, according to the image.
function Sweep:was_there(object)
    return self.image ~= nil and self.image:find(object) ~= nil
end

--- Drops the image. Must be called after the commit, when a rollback is no longer
-- possible.
function Sweep:forget()
    self.image = nil
end

local function is_failed(self, f)
    return generations.is_failed(self.txn.stash, f)
end

--- Finds out which reference must be removed so that a path no longer leads to a failed
-- function. Of the objects on the path, some are older than the failed code; the last of
-- these holds the reference.
-- @tparam table place the reference to the failed function, as found by the walk
-- @treturn ?table {object, key, child}: `object` refers to `child` under `key`; or
--   {root, child} if only the root of the path is older than the failed code; or nil if
--   the image is incomplete and does not show where the older objects end
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
            -- The next object on the path is not in the image. If the image is
            -- incomplete, this does not prove that the object is new. Only the failed
            -- function at the end of the path is certainly new.
            if not self.image.is_complete and number ~= place.number then
                return nil
            end
            return {object = object, key = key, child = child}
        end
        number, child, key = parent, object, key_before
    end
    -- If the image is incomplete, `child` may be old: remove `child` from its root only if
    -- `child` is the failed function itself.
    if not self.image.is_complete and not rawequal(child, place.func) then
        return nil
    end
    return {root = self.roots[-number], child = child}
end

--- Ends the fibers of failed code. Waits until requests have returned from failed code,
-- and no code is looping over the lists that the sweep must change. The wait is limited,
-- to leave time for the next walk over the heap. Yields.
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
        for level = 0, coroutine.status(thread) ~= 'dead' and stacks.LEVELS or -1 do
            local info = debug.getinfo(thread, level, 'f')
            if info == nil then
                return false
            elseif is_failed(self, info.func) then
                return true
            end
        end
        return false
    end
    local alive
    repeat
        alive = self.fibers:cancel()
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
        self.fibers:terminate(alive)
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
        without = {self.txn.stash, roots_lib.finalizers(), self.fibers.objects, fibers_lib.known()},
        userdata = self.fibers.objects,
        classify = function(f)
            if is_failed(self, f) then
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

--- Removes the references to failed code that `self.places` lists. References that
-- cannot be removed stay in the list. Yields.
-- @treturn number how many references were removed
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
                local ok, is_restored = pcall(restore, self.image, edge, self.waiting)
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
        -- Ignore a cancellation of this fiber, because the remaining references must
        -- still be removed.
        pcall(yield.if_due)
    end
    self.places = rest
    if count > 0 then
        -- Discard compiled traces, because they treat an upvalue that is never reassigned as
        -- a constant.
        jit.flush()
    end
    return count
end

--- Reports the remaining references to failed code.
-- @tparam {string,...} left receives a line for each of the first `NAMED` references, and
--   a line with the number of the others
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
        -- Do not add a second line about a fiber that `left` already mentions.
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

--- Searches for references to failed code and removes them. Repeats this, up to `PASSES`
-- times, until none is found or none can be removed. Yields.
-- @treturn ?string why the search is incomplete; nil if it is complete
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
        -- Give up when a pass has removed nothing, but never after the first pass: the first
        -- `drain` may have ended code that prevented the removal.
        if #self.undone == before and pass > 1 then
            break
        end
    end
    return why
end

--- Lists the table entries that the `stop` of an old role must not remove, see
-- `list_named` in `reload.image`. May yield.
-- @tparam table kept set of objects to which new code refers, see `scan.census`
-- @treturn {table,...} {parent, key, child}
function Sweep:list_named(kept)
    return self.image ~= nil and self.image:list_named(kept) or {}
end

local function report_incomplete(rollback, why)
    log.warn('cartridge-reload: %s%s', INCOMPLETE, tostring(why))
    table.insert(rollback.doubts, INCOMPLETE .. tostring(why))
end

--- Removes failed code wherever it is still registered. Yields.
-- @tparam table rollback {undone, left, doubts}, lists to which lines are appended, see
--   `transaction`
-- @tparam {userdata,...} fibers the fibers that failed code has started
-- @tparam ?number part share of the remaining time that the search may take
function Sweep:run(rollback, fibers, part)
    local why = self.why
    if self.image ~= nil and next(self.txn.stash.failed) ~= nil then
        self.undone, self.places = rollback.undone, {}
        self.fibers = failed_fibers.new(self.image, function(f)
            return is_failed(self, f)
        end, rollback.undone, fibers)
        self.deadline = clock.monotonic() + math.max(SECONDS, self.txn:limited(math.huge, part))
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

--- Removes from the image what the `stop` of an old role has unregistered, so that a
-- rollback does not restore it. Called when a role was stopped before the commit. Yields.
function Sweep:note_stop()
    if self.image ~= nil then
        self.image:forget_removed()
    end
end

--- Records the registrations that requests have added, so that `merge` does not remove
-- them as duplicates. Must be called before old roles restart. Yields.
function Sweep:prepare()
    local ok, result = pcall(merge.note, self.image or {shards = {}})
    self.noted = ok and result or nil
end

--- Merges duplicate registrations. A restarted old role creates a duplicate when it
-- registers a callback that it already registered at its first start. Yields.
-- @tparam table rollback {undone, left, doubts}, lists to which lines are appended, see
--   `transaction`
function Sweep:merge(rollback)
    if self.undone ~= nil and self.noted ~= nil then
        local ok, err = pcall(merge.run, self.image, self.noted, self.txn.ownership, self.undone)
        if not ok then
            report_incomplete(rollback, err)
        end
    end
end

return {new = new}
