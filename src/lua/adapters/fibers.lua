--- Adapter: fibers. After the commit, loops of the old generation are ended or
-- restarted; after a failure, fibers started by new code are ended.
--
-- The entry function of a fiber determines its generation. A fiber with old code
-- elsewhere on its stack serves a request, and a joinable fiber may be part of a
-- request: both are allowed to finish. Loops are handled only after the last of these
-- fibers has ended, because a request may be waiting for a fiber that merely looks
-- like a loop.
--
-- A loop with a replacement in the new code (see `succession`) is cancelled. A loop
-- without one is restarted if that is safe (see `restart`). Otherwise it keeps
-- running and is reported: a reload must not stop its work. The same applies if the
-- replacement has ended with an error. A loop inside a protected call is never
-- cancelled: the call would catch the error, and a loop around the call could then
-- block the server.

local require = ...
local bytecode = require('platform.bytecode')
local carriers = require('adapters.fibers.carriers')
local clock = require('clock')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local log = require('log')
local restart = require('adapters.fibers.restart')
local scan = require('scan.init')
local stacks = require('platform.stacks')
local succession = require('adapters.fibers.succession')
local terminate = require('code.terminate')

local Fibers = {name = 'fibers'}
Fibers.__index = Fibers

-- How long to wait for requests to finish, in seconds. `after` limits a wait to the
-- fraction PART of the time left until the deadline.
local REQUESTS, PART = 5, 0.5
-- How long to wait for short-lived fibers, and for the fibers of new code that has
-- failed, to end, in seconds.
local DRAIN = 0.25
-- How long to wait for loops to end, or to leave a protected call, in seconds.
local PATIENCE = 1
-- Time limit of the search for references to the fibers of loops, in seconds.
local SEARCH = 5
local TURN = 0.01
-- How many times fibers are listed to find a loop that starts a new fiber for each
-- iteration: one list may miss it.
local LISTS = 5

local REASONS = {
    failed = 'the replacement that the new code started has ended with an error',
    alone = 'nothing in the new code started a replacement',
    protected = 'the new code started a replacement, but this loop catches errors: cancelling it may not end it',
    ending = 'it checks package.reload.count and is expected to end',
    cancelled = 'it was cancelled and is still running',
}

local CONSTRUCTORS = {'create', 'new'}

local function new(txn)
    return setmetatable({
        txn = txn,
        born = {},      -- id -> {id, object, func, thread, is_withdrawn}
        unwanted = {},  -- set of the ids of the fibers that new code has cancelled
        loops = {},     -- loops that still run old code, see `list_loops`
        report = {cancelled = {}, left = {}, restarted = {}},
    }, Fibers)
end

function Fibers:snapshot()
    self.before = fibers_lib.ids()
end

--- Whether this is the entry function of a net.box connection's fiber. The fiber
-- ends with the connection, which may belong to a library.
local function is_of_connection(f)
    return debug.getinfo(f, 'S').source:match('^@builtin/.*net_box%.lua$') ~= nil
end

--- Records which fibers new code starts.
function Fibers:stage()
    local txn, born = self.txn, self.born
    self.wrapped = {}
    for _, name in ipairs(CONSTRUCTORS) do
        local original = fiber[name]
        local function staged(f, ...)
            if not (txn.staging and txn.ownership:is_asking()) or type(f) ~= 'function' or is_of_connection(f) then
                return original(f, ...)
            end
            local entry = {func = f}
            entry.object = original(function(...)
                -- A fiber that starts to run after the rollback must do nothing.
                if self.is_over then
                    return nil
                end
                entry.thread = coroutine.running()
                txn.ownership:adopt(fiber.id())
                return f(...)
            end, ...)
            entry.id = entry.object:id()
            born[entry.id] = entry
            return entry.object
        end
        self.wrapped[name] = {original = original, staged = staged}
        fiber[name] = staged
    end
end

local function unstage(self)
    for name, wrap in pairs(self.wrapped or {}) do
        if fiber[name] == wrap.staged then
            fiber[name] = wrap.original
        end
    end
end

--- Whether a function is from a file of the application or of a library.
local function is_from_file(f)
    local source = debug.getinfo(f, 'S').source
    return source:find('^@') ~= nil and not source:find('^@builtin/') and not source:find('^@cartridge%-reload/')
end

--- Lists the loops of the application and of its libraries. Yields.
-- @treturn {table,...} {id, name, func, where, thread}
local function list_serving(self)
    local list = {}
    for _, item in ipairs(fibers_lib.inspect(is_from_file)) do
        if item.id ~= nil and not item.is_request and self.born[item.id] == nil then
            table.insert(list, {
                id = item.id,
                name = item.name,
                func = item.entry.func,
                where = item.entry.where,
                thread = item.thread,
            })
        end
    end
    return list
end

--- Finds the carriers (see `carriers`) in which libraries call new code. Must be
-- called after all new code has run. Yields.
function Fibers:before_commit()
    local ownership = self.txn.ownership
    self.carriers = carriers.collect(ownership, function(id)
        return not self.before[id]
    end, function(f)
        return ownership:is_new(f)
    end)
end

function Fibers:commit()
    unstage(self)
    self.at_commit = fibers_lib.ids()
end

--- Waits until a condition holds for all items of a list, but not beyond
-- `until_time`. Yields.
-- @tparam {table,...} list
-- @tparam number until_time on the monotonic clock
-- @tparam function is_over (item) -> whether the condition holds; must not yield
-- @treturn {table,...} the items for which the condition does not hold yet
local function wait_for(list, until_time, is_over)
    while true do
        local left = {}
        for _, item in ipairs(list) do
            if not is_over(item) then
                table.insert(left, item)
            end
        end
        if #left == 0 or clock.monotonic() >= until_time then
            return left
        end
        list = left
        fiber.sleep(TURN)
    end
end

--- Returns the time at which a wait must end: `seconds` from now, or earlier if the
-- wait would take more than the fraction PART of the time left until the transaction's
-- deadline.
local function after(self, seconds)
    local now = clock.monotonic()
    return math.min(now + seconds, now + math.max(0, self.txn.deadline - now) * PART)
end

--- Whether a joinable fiber is a loop: it never returns, and no fiber is waiting
-- for it.
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
        if item.id == nil or self.born[item.id] == nil then
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

--- Whether an ended fiber of new code must have ended with an error, because its
-- entry function never returns and new code has not cancelled the fiber.
local function has_failed(self, entry)
    return not self.unwanted[entry.id] and bytecode.loops_for_ever(entry.func)
end

--- Records that new code cancels a fiber.
-- @tparam number id
function Fibers:note_cancelled(id)
    self.unwanted[id] = true
end

--- Lists the fibers started by new code, including those that have ended.
-- Yields.
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
    for _, entry in pairs(self.born) do
        if not fibers_lib.is_alive(entry) and not entry.is_withdrawn then
            table.insert(list, {func = entry.func, name = '', has_failed = has_failed(self, entry)})
        end
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
-- @treturn table set of the loops that were cancelled
local function end_loops(self, loops)
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

--- Restarts loops that have no replacement, where that is safe (see `restart`). Yields.
-- @treturn {table,...} the loops that were not restarted
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
        log.error('cartridge-reload: restarting loops failed: %s', tostring(done))
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

--- Ends each loop in which a library calls old code (see `carriers`), if the library
-- has started such a loop for new code as well. This must happen before the scan,
-- which would patch the old loops so that they call new code, too. A second call does
-- nothing. Yields.
function Fibers:end_carriers()
    local news, counterparts = self.carriers or {}, self.txn.counterparts
    self.carriers = nil
    for _ = 1, next(news) ~= nil and LISTS or 0 do
        local found, has_missed = carriers.find(self.txn.ownership, news, {
            accepts = function()
                return true
            end,
            find_counterpart = function(f)
                return counterparts and counterparts:find(f, counterparts:unit_of(f))
            end,
        })
        local cancelled = end_loops(self, found)
        for _, item in ipairs(found) do
            if cancelled[item] then
                carriers.consume(news, item)
            elseif not fibers_lib.is_alive(item) then
                -- The carrier may have started a new fiber for its next iteration.
                has_missed = true
            end
        end
        if not has_missed then
            return
        end
    end
end

--- Reports the loops that compare the number of their generation with the current one
-- (see `package_reload`). They are not cancelled, because they end by themselves at a
-- suitable point.
-- @treturn {table,...} the other loops
function Fibers:leave_ending(loops)
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

--- Lists the fibers that still run old code after a wait. Repeats the search if it
-- finds none of the loops that were running before the wait: a single search may
-- miss a loop that starts a new fiber for each iteration. Yields.
-- @tparam table before the loops found before the wait; the function only checks
--   whether it is empty
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

--- Reports loops that start a new fiber for each iteration. Yields.
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

--- Waits until the requests that old code is serving have finished. Yields.
-- @tparam ?number patience maximum wait in seconds
-- @treturn boolean whether all have finished
function Fibers:wait_for_requests(patience)
    if fibers_lib.locate() == nil then
        return true
    end
    -- A fiber that has not run yet has no stack to examine: let it start.
    fiber.sleep(0)
    local requests, _, is_old = list_old(self)
    return #wait_for(requests, after(self, patience or REQUESTS), function(item)
        return not stacks.runs(item.thread, is_old)
    end) == 0
end

--- Warns of endless loops that have ended, which means that they failed with an
-- error. Checks the loops that new code started and, if `watches_main` is set, the
-- loops of the main script, because these call new code. A loop that is running
-- again in another fiber is not reported. Yields.
local function warn_of_failed(self)
    local ended, is_running = {}, {}
    for _, entry in pairs(self.born) do
        if not fibers_lib.is_alive(entry) and not entry.is_withdrawn and has_failed(self, entry) then
            table.insert(ended, {func = entry.func, label = 'a loop that the new code started'})
        end
    end
    for _, item in ipairs(self.watches_main and self.loops_before or {}) do
        if not fibers_lib.is_alive(item) and not self.unwanted[item.id]
            and not self.txn.ownership:is_old(item.func) and bytecode.loops_for_ever(item.func) then
            table.insert(ended, {func = item.func, label = ('fiber %d %q'):format(item.id, item.name or '')})
        end
    end
    if #ended == 0 then
        return
    end
    for _, item in ipairs(fibers_lib.inspect(is_from_file)) do
        is_running[succession.proto_of(item.entry.func)] = true
    end
    for _, item in ipairs(ended) do
        local proto, info = succession.proto_of(item.func), debug.getinfo(item.func, 'S')
        if not is_running[proto] then
            is_running[proto] = true
            table.insert(self.txn.warnings, ('%s ended during the reload; see the log of the instance: %s:%d')
                :format(item.label, info.short_src, info.linedefined))
        end
    end
end

--- Ends, restarts or reports the loops of the old generation. Must be called after
-- `wait_for_requests`. Yields.
-- @treturn ?string why the loops could not be handled
function Fibers:finish()
    if fibers_lib.locate() == nil then
        return 'this build of Tarantool does not expose its fibers: loops of the old code were left running'
    end
    local function is_dead(item)
        return not fibers_lib.is_alive(item)
    end
    local _, loops, is_old = list_old(self)
    local requests
    local before = {}
    for _, item in ipairs(loops) do
        before[item.id] = true
    end
    wait_for(loops, after(self, DRAIN), is_dead)
    requests, loops = list_again(self, before)
    for _, item in ipairs(loops) do
        -- A fiber that appeared during the wait is the next iteration of a loop.
        item.recurs = not before[item.id]
    end
    for _, item in ipairs(requests) do
        if item.id ~= nil and stacks.runs(item.thread, is_old) then
            table.insert(self.report.left, {id = item.id, name = item.name, where = item.where})
        end
    end

    loops = self:leave_ending(loops)
    local counterparts = self.txn.counterparts
    succession.find(loops, #loops > 0 and list_new(self) or {}, function(f)
        return counterparts and counterparts:find(f, debug.getinfo(f, 'S').source)
    end)
    local alone = start_again(self, loops, is_old)
    local ending = {}
    for _, item in ipairs(loops) do
        -- The `successor` of a restarted loop is not a table, see `restart`.
        if type(item.successor) == 'table' and item.successor.has_failed then
            leave(self, item, 'failed')
        elseif item.successor ~= nil and not item.is_cancelled then
            table.insert(ending, item)
        end
    end
    end_loops(self, ending)
    warn_of_failed(self)
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
    return nil
end

--- Whether a fiber was started between the snapshot and the commit.
-- @tparam number id
-- @treturn boolean
function Fibers:is_new(id)
    return self.at_commit ~= nil and self.at_commit[id] ~= nil and self.before[id] == nil
end

--- Returns the loops that still run old code: they count as stale references.
-- @treturn {table,...} {id, name, func = entry function, reason}
function Fibers:list_loops()
    return self.loops
end

--- Records the running loops of the application and of libraries, before new code
-- runs. Yields.
function Fibers:remember_loops()
    if fibers_lib.locate() ~= nil then
        self.loops_before = list_serving(self)
    end
end

--- Marks the ended loops that are running again in another fiber: an old role or a
-- supervising fiber has restarted them. Yields.
local function mark_restarted(self, ended)
    local again = {}
    for _, item in ipairs(list_serving(self)) do
        if not self.before[item.id] then
            table.insert(again, item)
        end
    end
    succession.find(again, ended, function(f)
        return f
    end)
    for _, item in ipairs(again) do
        if item.successor ~= nil then
            item.successor.is_restarted = true
        end
    end
end

--- Reports the loops that ended while the failed code ran. If the failed code had
-- started a replacement for a loop, it probably ended the loop itself, and this
-- cannot be undone. Any other loop of old code may simply have finished: a warning
-- is added. Yields.
function Fibers:name_ended(warnings, left)
    local ended, born = {}, {}
    for _, item in ipairs(self.loops_before or {}) do
        if not fibers_lib.is_alive(item) then
            table.insert(ended, item)
        end
    end
    if #ended == 0 then
        return
    end
    for _, entry in pairs(self.born) do
        table.insert(born, {func = entry.func, name = ''})
    end
    succession.find(ended, born, function(f)
        -- A library is not reloaded: its function is its own counterpart.
        return not self.txn.ownership:is_old(f) and f or nil
    end)
    mark_restarted(self, ended)
    for _, item in ipairs(ended) do
        if item.successor ~= nil and not item.is_restarted then
            table.insert(left, ('fiber %d %q (%s) has ended because the new code started its replacement')
                :format(item.id, item.name or '', tostring(item.where)))
        elseif not item.is_restarted and self.txn.ownership:is_old(item.func) then
            table.insert(warnings, ('fiber %d %q of the old code ended while new code ran: %s'):format(
                item.id, item.name or '', tostring(item.where)))
        end
    end
end

--- Ends the older fiber of each loop that runs twice after a rollback. That happens if
-- a role was stopped and restarted, but its `stop` did not end the loop. Yields.
function Fibers:revive()
    unstage(self)
    local born, before = {}, {}
    for _, item in ipairs(fibers_lib.inspect(function(f)
        return self.txn.ownership:is_old(f)
    end)) do
        -- Compare only loops of application code: the server loop of a library looks
        -- the same for every port.
        if item.id ~= nil and not item.is_request then
            table.insert(self.born[item.id] ~= nil and born or before, item)
        end
    end
    local ending = {}
    for _, item in ipairs(born) do
        for index, other in ipairs(before) do
            if self.before[other.id] and self.txn.ownership.is_same(item.entry.func, other.entry.func) then
                table.insert(ending, table.remove(before, index))
                break
            end
        end
    end
    local function is_old(f)
        return self.txn.ownership:is_old(f)
    end
    local again = carriers.collect(self.txn.ownership, function(id)
        return not self.before[id]
    end, is_old)
    for _, item in ipairs((carriers.find(self.txn.ownership, again, {
        accepts = function(id)
            return self.before[id]
        end,
        find_counterpart = function() end,
    }))) do
        table.insert(ending, item)
    end
    end_loops(self, ending)
end

--- Whether a fiber started by new code has ended.
local function is_over(entry)
    local thread = entry.thread
    return entry.object:status() == 'dead' or thread ~= nil and not fibers_lib.is_alive(entry)
end

--- Cancels a fiber started by failed code, unless it has been cancelled already or
-- would catch the error.
local function end_born(entry, undone)
    if not is_over(entry) and not entry.is_cancelled then
        local name = entry.object:name()
        entry.is_cancelled = fibers_lib.cancel_safely(entry)
        if entry.is_cancelled then
            table.insert(undone, ('fiber %d %q'):format(entry.id, name))
        end
    end
end

function Fibers:mark()
    local before = table.copy(self.born)
    return function()
        for id, entry in pairs(self.born) do
            if before[id] == nil then
                entry.is_withdrawn = true
                fibers_lib.cancel_safely(entry)
            end
        end
    end
end

--- Cancels the fibers started by failed code.
function Fibers:rollback(undone)
    unstage(self)
    self.is_over, self.undone = true, undone
    for _, entry in pairs(self.born) do
        end_born(entry, undone)
    end
end

--- Returns the fibers that new code has started.
-- @treturn {userdata,...} fiber objects
function Fibers:list_born()
    local list = {}
    for _, entry in pairs(self.born) do
        table.insert(list, entry.object)
    end
    return list
end

--- Ends the fibers of failed code that are still running because they have caught
-- the error raised by their cancellation (see `terminate`). Reports those that
-- cannot be ended. Yields.
function Fibers:check_left(left)
    local list = {}
    for _, entry in pairs(self.born) do
        table.insert(list, entry)
    end
    table.sort(list, function(a, b)
        return a.id < b.id
    end)
    list = wait_for(list, clock.monotonic() + DRAIN, function(entry)
        -- By now the fiber may have left its protected call.
        end_born(entry, self.undone or {})
        return is_over(entry)
    end)
    terminate.run(list, clock.monotonic() + DRAIN, is_over)
    for _, entry in pairs(self.born) do
        if is_over(entry) and entry.thread ~= nil then
            fibers_lib.reap({id = entry.id, thread = entry.thread, is_joinable = true})
        end
    end
    for _, entry in ipairs(list) do
        local label = ('fiber %d'):format(entry.id)
        if is_over(entry) then
            table.insert(self.undone or {}, label)
        else
            table.insert(left, label .. ' runs new code and ignores cancellation')
        end
    end
end

return {new = new}
