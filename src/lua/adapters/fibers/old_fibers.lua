--- Handles the fibers that run old code after the commit. Waits for fibers that serve
-- requests. Ends, restarts or reports fibers that run loops.
--
-- A fiber is taken to run a loop if its entry function is old code, and to serve a
-- request if its stack has old code but its entry function is not old. A fiber that is
-- joinable, or whose stack is not completely known, may be part of a request even if its
-- entry function is old code. Requests get a limited time to finish. Loops are handled
-- only after all requests have finished or that time has passed, because a request may
-- be waiting for a fiber that merely looks like a loop.
--
-- A loop with a replacement in the new code (see `succession`) is cancelled. A loop
-- without a replacement is restarted if that is safe (see `restart`). If that is not
-- safe, the loop keeps running and is reported, because a reload must not stop its
-- work. A loop is also kept if its replacement has failed.
--
-- A loop inside a protected call is never cancelled, because the call would catch the
-- error that should end the fiber. If the call is repeated in a loop, that loop would
-- then run without yielding and block the server.

local require = ...
local carriers = require('adapters.fibers.carriers')
local clock = require('clock')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local log = require('log')
local restart = require('adapters.fibers.restart')
local scan = require('scan.init')
local stacks = require('platform.stacks')
local succession = require('adapters.fibers.succession')
local wait_for = require('adapters.fibers.wait')

-- REQUESTS: how long to wait for requests to finish, in seconds. PART: how much of the
-- time left until the deadline a single wait may take, as a fraction.
local REQUESTS, PART = 5, 0.5
-- How long to wait for short-lived fibers to end, in seconds.
local DRAIN = 0.25
-- How long to wait for loops to end, or to leave a protected call, in seconds.
local PATIENCE = 1
-- Maximum time to search for references to fibers that run loops, in seconds.
local SEARCH = 5
-- Maximum number of times to list the fibers. A single listing may miss a loop that
-- starts a new fiber for each iteration.
local LISTS = 5

local REASONS = {
    failed = 'the replacement that the new code started has ended with an error',
    alone = 'nothing in the new code started a replacement',
    protected = 'the new code started a replacement, but this loop catches errors: cancelling it might not end it',
    ending = 'it checks package.reload.count and is expected to end',
    cancelled = 'it was cancelled but is still running',
}

local OldFibers = {}
OldFibers.__index = OldFibers

--- Creates an empty record of the old fibers.
-- @tparam table txn the transaction
-- @tparam table started the fibers that new code starts, see `started`
-- @treturn table with two fields:
--   loops: list of {id, name, func, reason}, one for each loop that still runs old code
--   report: {cancelled, left, restarted}, which are lists of {id, name, where, reason}
local function new(txn, started)
    return setmetatable({
        txn = txn,
        started = started,
        loops = {},
        report = {cancelled = {}, left = {}, restarted = {}},
    }, OldFibers)
end

--- Returns the time on the monotonic clock at which a wait must end. A wait takes at
-- most `seconds`, and at most the fraction PART of the time left until the
-- transaction's deadline.
local function after(self, seconds)
    local now = clock.monotonic()
    return math.min(now + seconds, now + math.max(0, self.txn.deadline - now) * PART)
end

--- Returns whether a joinable fiber runs a loop of old code: its entry function is old
-- code, its stack is completely known and has an endless loop of old code, and no other
-- fiber is waiting to join it. Returns false if the fiber is not joinable.
local function is_joinable_loop(item, is_old)
    local ok, object = pcall(fiber.find, item.id)
    return item.is_joinable and item.is_whole and is_old(item.entry.func) and ok and object ~= nil
        and restart.never_ends(item.frames, is_old) and not fibers_lib.is_awaited(object)
end

--- Lists the fibers that run old code, except those started by new code. Yields.
-- @treturn {table,...} the fibers that serve requests
-- @treturn {table,...} the fibers that run loops
-- @treturn function (f) -> whether a function is old
local function list_old(self)
    local function is_old(f)
        return self.txn.ownership:is_old(f)
    end
    local requests, loops = {}, {}
    for _, item in ipairs(fibers_lib.inspect(is_old)) do
        if item.id == nil or self.started.entries[item.id] == nil then
            item.func = item.entry.func
            for _, frame in ipairs(item.frames) do
                item.where = item.where or is_old(frame.func) and frame.where or nil
            end
            local is_loop = not item.is_request or is_joinable_loop(item, is_old)
            table.insert(is_loop and loops or requests, item)
        end
    end
    return requests, loops, is_old
end

--- Lists the fibers that new code has started, including those that have ended. Yields.
-- @treturn {table,...} {func, name, has_failed}
local function list_new(self)
    local list = {}
    for _, item in ipairs(fibers_lib.inspect(function(f)
        return self.txn.ownership:is_new(f)
    end)) do
        if item.id ~= nil and self.txn.ownership:is_new(item.entry.func) then
            table.insert(list, {func = item.entry.func, name = item.name})
        end
    end
    for _, entry in ipairs(self.started:list_ended()) do
        table.insert(list, {func = entry.func, name = '', has_failed = self.started:has_failed(entry)})
    end
    return list
end

local function leave(self, item, reason)
    table.insert(self.report.left, {
        id = item.id,
        name = item.name,
        where = item.where,
        reason = REASONS[reason],
    })
    table.insert(self.loops, {id = item.id, name = item.name, func = item.func, reason = REASONS[reason]})
end

--- Cancels loops, waits for them to end, and reports those that are still running.
-- Yields.
-- @tparam {table,...} loops {id, name, func, where, thread}
-- @treturn table set of the loops that were cancelled
function OldFibers:cancel(loops)
    local cancelled = {}
    local left = wait_for(loops, after(self, PATIENCE), function(item)
        if not fibers_lib.is_alive(item) then
            return true
        end
        cancelled[item] = cancelled[item] or fibers_lib.cancel_safely(item)
        return false
    end)
    local is_left = {}
    for _, item in ipairs(left) do
        is_left[item] = true
        leave(self, item, cancelled[item] and 'cancelled' or 'protected')
    end
    for _, item in ipairs(loops) do
        if cancelled[item] and not is_left[item] then
            fibers_lib.reap(item)
            table.insert(self.report.cancelled, {id = item.id, name = item.name, where = item.where})
        end
    end
    return cancelled
end

--- Restarts each loop that has no replacement, if a restart is safe (see `restart`).
-- Yields.
-- @treturn {table,...} the loops without a replacement that were not restarted
local function start_again(self, loops, is_old)
    local alone = {}
    for _, item in ipairs(loops) do
        if item.successor == nil then
            table.insert(alone, item)
        end
    end
    if #alone == 0 or self.txn.args.stale == 'report' or scan.refusal() ~= nil then
        return alone
    end
    local ok, done = pcall(restart.run, alone, {
        ownership = self.txn.ownership,
        is_old = is_old,
        deadline = after(self, SEARCH),
        limit = scan.limit(),
    })
    if not ok then
        log.error('cartridge-reload: failed to restart loops: %s', tostring(done))
        return alone
    end
    local left = {}
    for _, item in ipairs(alone) do
        if type(item.successor) == 'number' then
            item.is_cancelled = true
            table.insert(self.report.restarted, {
                id = item.successor,
                name = item.name,
                where = ('%s:%d'):format(debug.getinfo(item.counterpart, 'S').short_src,
                    debug.getinfo(item.counterpart, 'S').linedefined),
            })
        elseif item.successor == nil then
            table.insert(left, item)
        end
    end
    for _, item in ipairs(wait_for(done, after(self, PATIENCE), function(item)
        return not item.is_cancelled or not fibers_lib.is_alive(item)
    end)) do
        leave(self, item, 'cancelled')
    end
    for _, item in ipairs(done) do
        if item.is_cancelled then
            fibers_lib.reap(item)
        end
    end
    return left
end

--- Ends each library loop that calls old code, if the library runs a matching loop for
-- new code (see `carriers`). Must be called before the scan for stale references: the
-- scan would make the old loop call new code, and both loops would then do the same
-- work. Yields.
-- @tparam table news the carriers of new code, as returned by `carriers.collect`
function OldFibers:end_carriers(news)
    local counterparts = self.txn.counterparts
    for _ = 1, next(news) ~= nil and LISTS or 0 do
        local found, has_missed = carriers.find(self.txn.ownership, news, {
            accepts = function()
                return true
            end,
            find_counterpart = function(f)
                return counterparts and counterparts:find(f, counterparts:unit_of(f))
            end,
        })
        local cancelled = self:cancel(found)
        for _, item in ipairs(found) do
            if cancelled[item] then
                carriers.consume(news, item)
            elseif not fibers_lib.is_alive(item) then
                -- The fiber has ended, but its loop may continue in a new fiber.
                has_missed = true
            end
        end
        if not has_missed then
            return
        end
    end
end

--- Reports the loops that compare their generation number with the current one (see
-- `adapters.package_reload`). They are not cancelled, because they are expected to end
-- by themselves.
-- @treturn {table,...} the loops that do not compare these numbers
local function leave_ending(self, loops)
    local ends_by_itself, others = self.txn.ends_by_itself, {}
    for _, item in ipairs(loops) do
        local is_ending = false
        for _, frame in ipairs(ends_by_itself and item.frames or {}) do
            is_ending = is_ending or not frame.is_c and self.txn.ownership:is_old(frame.func)
                and ends_by_itself(frame.func)
        end
        if is_ending then
            leave(self, item, 'ending')
        else
            table.insert(others, item)
        end
    end
    return others
end

--- Lists the fibers that still run old code after a wait. Lists them again if loops ran
-- before the wait but none is found, because a single listing may miss a loop that
-- starts a new fiber for each iteration. Yields.
-- @tparam table before the loops found before the wait; this function only checks
--   whether the table is empty
-- @treturn {table,...} the fibers that serve requests
-- @treturn {table,...} the fibers that run loops
local function list_again(self, before)
    local requests, loops = {}, {}
    for _ = 1, next(before) ~= nil and LISTS or 1 do
        requests, loops = list_old(self)
        if #loops > 0 then
            break
        end
    end
    return requests, loops
end

--- Reports the loops that start a new fiber for each iteration and are still running.
-- Yields.
-- @tparam {function,...} entries the entry functions of these loops
local function leave_recurring(self, entries)
    if #entries == 0 then
        return
    end
    local _, loops = list_again(self, entries)
    for _, item in ipairs(loops) do
        for _, func in ipairs(entries) do
            if self.txn.ownership.is_same(func, item.func) then
                leave(self, item, 'alone')
                break
            end
        end
    end
end

--- Waits until all requests in old code have finished. Yields.
-- @tparam ?number patience maximum wait in seconds; the default is REQUESTS
-- @treturn boolean whether all have finished
function OldFibers:wait_for_requests(patience)
    -- A fiber that has not run yet has no stack to examine, so let it start.
    fiber.sleep(0)
    local requests, _, is_old = list_old(self)
    return #wait_for(requests, after(self, patience or REQUESTS), function(item)
        return not stacks.runs(item.thread, is_old)
    end) == 0
end

local function is_dead(item)
    return not fibers_lib.is_alive(item)
end

--- Ends the loops that have a replacement, and restarts the others where that is safe.
-- Must be called after `wait_for_requests`. Yields.
-- @treturn {table,...} the loops that have no replacement and were not restarted, for
--   `report_alone`
function OldFibers:end_replaced()
    local _, loops, is_old = list_old(self)
    local requests
    local before = {}
    for _, item in ipairs(loops) do
        before[item.id] = true
    end
    wait_for(loops, after(self, DRAIN), is_dead)
    requests, loops = list_again(self, before)
    for _, item in ipairs(loops) do
        -- Assume that a fiber that appeared during the wait runs the next iteration of a
        -- loop.
        item.recurs = not before[item.id]
    end
    for _, item in ipairs(requests) do
        if item.id ~= nil and stacks.runs(item.thread, is_old) then
            table.insert(self.report.left, {id = item.id, name = item.name, where = item.where})
        end
    end

    loops = leave_ending(self, loops)
    local counterparts = self.txn.counterparts
    succession.find(loops, #loops > 0 and list_new(self) or {}, function(f)
        return counterparts and counterparts:find(f, debug.getinfo(f, 'S').source)
    end)
    local alone = start_again(self, loops, is_old)
    local ending = {}
    for _, item in ipairs(loops) do
        -- The `successor` of a restarted loop is a number or true, not a table.
        if type(item.successor) == 'table' and item.successor.has_failed then
            leave(self, item, 'failed')
        elseif item.successor ~= nil and not item.is_cancelled then
            table.insert(ending, item)
        end
    end
    self:cancel(ending)
    return alone
end

--- Waits for the loops that have no replacement to end, and reports those that do not
-- end in time. Yields.
-- @tparam {table,...} alone as returned by `end_replaced`
function OldFibers:report_alone(alone)
    local recurring = {}
    for _, item in ipairs(wait_for(alone, after(self, PATIENCE), is_dead)) do
        leave(self, item, 'alone')
    end
    for _, item in ipairs(alone) do
        if item.recurs and is_dead(item) then
            table.insert(recurring, item.func)
        end
    end
    leave_recurring(self, recurring)
end

return {new = new}
