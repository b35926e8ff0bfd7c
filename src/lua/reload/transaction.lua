--- Runs the transaction of a reload: enters phases, enforces the deadline, and commits or
-- rolls back all adapters. The transaction does not depend on Cartridge or HTTP.
--
-- An adapter protects one kind of thing, such as triggers. It is a table with these fields:
--   name: one word, for messages.
--   snapshot(): records the current state. Does not yield.
--   stage(): optional; prepares the new state beside the old one.
--   commit(): makes the new state current. Must neither yield nor fail.
--   rollback(undone, left, doubts): restores what new code has changed. Appends lines on
--     what was undone, what could not be undone, and what is uncertain.
--   before_call(), after_call(): optional; called before and after each call to new code.
--   on_failure(): optional; restores functions that this program needs. Called when new
--     code has failed, and again before the rollback.
--   before_rollback(): optional; called before the first adapter rolls back.
--   revive(): optional; makes current what restarted old roles have registered, see
--     `role_restart`.
--   discard(): optional; drops what the `stop` of an old role has registered, see
--     `role_stop`.
--   guard(): optional; called before old code runs. Protects from that code what new code
--     has set up. Returns a function that ends the protection.
--   mark(): optional; returns a function that reverts what new code stages from now on.
--   list_new(list): optional; appends the functions that new code has registered.
--   has_met_conflict: optional; true if new code was refused a resource, such as a port,
--     that serving code is using.
--
-- An adapter may temporarily replace a function with a stand-in. The stand-in keeps the
-- original function in an upvalue whose name is listed in `scan.stand_ins`.
--
-- The phases run in a separate fiber, which can be cancelled at the deadline. The
-- requesting fiber waits for that fiber, and performs the rollback.

local require = ...
local clock = require('clock')
local deadline = require('core.deadline')
local failure = require('core.failure')
local fiber = require('fiber')
local log = require('log')
local ownership = require('code.ownership')
local yield = require('core.yield')
local terminate = require('code.terminate')
local watchdog = require('reload.watchdog')

-- Keep the original function, because application code can replace `clock.monotonic`.
local monotonic = clock.monotonic

-- Maximum wait for the cancelled worker fiber to end, in seconds.
local GRACE = 1
-- Time reserved for the rollback: a share of the total time, and a maximum in seconds. The
-- reserve lets the client receive the outcome before it times out.
local WAY_BACK, WAY_BACK_MAX = 0.3, 11
-- Maximum time to wait until post-commit work is done, as a share of the time that remains
-- before the report must be built.
local AFTER = 0.5
-- Time reserved for building the report before the client times out, in seconds.
local REPORT = 0.2
-- Minimum time limit of each rollback step, in seconds.
local LEAST = 0.3
-- Maximum wait for the cancelled worker fiber to end, as a share of the rollback time.
local GRACE_PART = 0.2

local Transaction = {}
Transaction.__index = Transaction

--- Creates a transaction without adapters.
-- @tparam table args arguments of the command, including `timeout` (in seconds) and
--   `not_after` (a Unix time)
-- @tparam table stash the state table, see `core.stash`
local function new(args, stash)
    local now, limit = monotonic(), deadline.of(args)
    return setmetatable({
        args = args,
        stash = stash,
        ownership = ownership.new(stash),
        adapters = {},
        finished = fiber.cond(),
        timings_ms = {},
        warnings = {},
        limit = limit,
        -- The commit must happen before `work_deadline`. The time between `work_deadline`
        -- and `limit` is reserved for the rollback, or for work after the commit.
        work_deadline = limit - math.min(WAY_BACK_MAX, math.max(0, limit - now) * WAY_BACK),
        deadline = limit,
        staging = false,
        committed = false,
        aborted = false,
    }, Transaction)
end

--- Returns the time limit for a step of the rollback, in seconds. The limit never drops to
-- 0, because restoring the old state matters more than a timely report.
-- @tparam number seconds upper limit
-- @tparam ?number part share of the remaining time that the step may use; 1 by default
function Transaction:limited(seconds, part)
    return math.min(seconds, math.max(LEAST, self:time_left() * (part or 1)))
end

local function notify(self, event, ...)
    for _, adapter in ipairs(self.adapters) do
        if adapter[event] ~= nil then
            adapter[event](adapter, ...)
        end
    end
end

--- Adds an adapter: calls its `snapshot` and `stage`. Adapters commit in the order in which
-- they were added, and roll back in reverse order.
-- @treturn table the adapter
function Transaction:add(adapter)
    adapter:snapshot()
    table.insert(self.adapters, adapter)
    if adapter.stage ~= nil then
        adapter:stage()
    end
    return adapter
end

--- Returns the number of seconds that remain before the report must be built.
function Transaction:time_left()
    return math.max(0, self.limit - REPORT - monotonic())
end

--- Records the current step of the transaction for the `status` command.
-- @tparam string what the step: usually a phase, or a role's function such as `init`
-- @tparam ?string role name of the role
-- @tparam ?boolean important whether to also send the step to the client that requested
--   the reload
function Transaction:tell(what, role, important)
    local lock = self.stash.lock
    if lock ~= nil then
        lock.phase, lock.role = what, role
    end
    if important and self.on_phase ~= nil then
        self.on_phase(role and ('%s of role %s'):format(what, role) or what, true)
    end
end

--- Ends the current phase and enters another one. Later failures are attributed to the new
-- phase.
-- @tparam ?string phase nil after the last phase
function Transaction:enter(phase)
    local now = monotonic()
    if self.phase ~= nil then
        local key = self.phase == 'apply' and 'init' or self.phase
        self.timings_ms[key] = (self.timings_ms[key] or 0) + (now - self.phase_started) * 1000
    end
    self.phase, self.phase_started = phase, now
    self:tell(phase)
    if phase ~= nil and self.on_phase ~= nil then
        self.on_phase(phase)
    end
end

local function raise_timeout(self)
    failure.raise({
        code = 'deadline',
        phase = self.phase,
        role = self.role,
        module = self.module,
        message = self.committed and 'timed out after the commit'
            or ('timed out in phase %s; nothing was committed'):format(self.phase),
    })
end

--- Returns the deadline that applies now. Before the commit, an earlier deadline applies, to
-- leave time for the rollback.
local function end_of(self)
    return self.committed and self.limit or self.work_deadline
end

--- Throws an error if the running fiber was cancelled or the transaction has timed out.
function Transaction:check()
    fiber.testcancel()
    if self.aborted or monotonic() > end_of(self) then
        raise_timeout(self)
    end
end

--- Makes the new generation the serving one, in one step that does not yield. Throws an
-- error if the transaction was cancelled or has timed out.
function Transaction:commit()
    self:enter('commit')
    self:check()
    self.committed = true
    for _, adapter in ipairs(self.adapters) do
        local ok, err = pcall(adapter.commit, adapter)
        if not ok then
            -- The `commit` of an adapter must not fail. If it does, it is too late for a
            -- rollback, so only report the error.
            log.error('cartridge-reload: failed to commit adapter %s: %s', adapter.name, tostring(err))
            self.commit_error = self.commit_error
                or ('failed to commit adapter %s: %s'):format(adapter.name, tostring(err))
        end
    end
    self.staging = false
    self:enter(nil)
end

--- Rolls back all adapters. Yields only if an adapter yields.
-- @treturn table {undone, left, doubts}: lists of lines for the report. They tell what was
--   undone, what could not be undone, and what is uncertain.
function Transaction:rollback()
    local undone, left, doubts = {}, {}, {}
    -- An error in one adapter must not prevent the others from rolling back.
    for _, event in ipairs({'on_failure', 'before_rollback'}) do
        local ok, err = pcall(notify, self, event)
        if not ok then
            table.insert(left, ('%s: %s'):format(event, tostring(err)))
        end
    end
    for i = #self.adapters, 1, -1 do
        local adapter = self.adapters[i]
        local ok, err = pcall(adapter.rollback, adapter, undone, left, doubts)
        if not ok then
            table.insert(left, ('%s: %s'):format(adapter.name, tostring(err)))
        end
    end
    self.staging = false
    return {undone = undone, left = left, doubts = doubts}
end

--- Sets a savepoint.
-- @treturn function that reverts what new code has staged since the savepoint
function Transaction:mark()
    local take_back = {}
    for _, adapter in ipairs(self.adapters) do
        if adapter.mark ~= nil then
            table.insert(take_back, adapter:mark())
        end
    end
    return function()
        for i = #take_back, 1, -1 do
            take_back[i]()
        end
    end
end

--- Returns whether new code was refused a resource, such as a port, that serving code is
-- using.
function Transaction:has_met_conflict()
    for _, adapter in ipairs(self.adapters) do
        if adapter.has_met_conflict then
            return true
        end
    end
    return false
end

--- Protects what new code has set up from old code that is about to run.
-- @treturn function to be called after the old code has run: ends the protection, and
--   restores what the old code has removed
function Transaction:guard()
    local put_back = {}
    for _, adapter in ipairs(self.adapters) do
        if adapter.guard ~= nil then
            table.insert(put_back, adapter:guard())
        end
    end
    return function()
        for _, f in ipairs(put_back) do
            f()
        end
    end
end

--- Calls a function of new code, and notifies the adapters before and after the call.
-- @return the results of `failure.call`
function Transaction:call(f, ...)
    notify(self, 'before_call')
    local ok, result, second = failure.call(f, ...)
    notify(self, 'after_call')
    return ok, result, second
end

--- Yields if the current time slice has ended. Called while `call` runs new code. The
-- adapters are notified, so that they do not attribute changes by other fibers to new code.
function Transaction:pause()
    if yield.is_due() then
        notify(self, 'after_call')
        yield.if_due()
        notify(self, 'before_call')
    end
end

--- Returns the new functions that are registered somewhere, either directly or inside a
-- wrapper (a closure of a library).
-- @treturn table set of functions
local function registered_functions(self)
    if self.registered == nil then
        self.registered = {}
        local list = {}
        notify(self, 'list_new', list)
        for _, f in ipairs(list) do
            for _, new_function in ipairs(self.ownership.list_wrapped(f, function(g)
                return self.ownership:is_new(g)
            end)) do
                self.registered[new_function] = true
            end
        end
    end
    return self.registered
end

--- Decides what happens to an old trigger, hook or handler. It either stays registered,
-- with its function replaced by the counterpart in the new code, or the commit removes it
-- or replaces it with a new one.
--
-- It stays if the main script may have registered it, because that script usually does not
-- run again. It does not stay if any of these is true:
--   - The main script has run again.
--   - An earlier reload has registered it.
--   - Its function has no counterpart.
--   - New code has itself registered the counterpart.
-- @tparam function f the old function
-- @tparam string label identifies the registration, for example the name of a trigger
-- @treturn boolean whether it stays
function Transaction:keeps_registration(f, label)
    if self.runs_main then
        -- The main script has run again, and has registered everything that it still uses.
        return false
    end
    local placed = self.stash.placed[f]
    return not (placed and placed[label]) and self.counterparts ~= nil
        and self.counterparts:cover(f, registered_functions(self))
end

--- Records that this reload has registered a function as a trigger, hook or handler. In later
-- reloads, `keeps_registration` reads this record.
-- @tparam function f
-- @tparam string label see `keeps_registration`
function Transaction:record_registration(f, label)
    local placed = self.stash.placed
    placed[f] = placed[f] or {}
    placed[f][label] = true
end

--- Drops all references to old and new code at the end of the reload. The application may
-- have kept an adapter's stand-in. The stand-in still works after the reload, but must
-- not keep old or new code in memory.
function Transaction:release()
    for _, adapter in ipairs(self.adapters) do
        for key, value in pairs(adapter) do
            if type(value) == 'table' then
                adapter[key] = nil
            end
        end
    end
    self.adapters, self.counterparts, self.registered = {}, nil, nil
    self.ownership:release()
end

--- Starts the watchdog, which interrupts code that never yields.
local function watch(self)
    return watchdog.start({
        deadline = function()
            return end_of(self)
        end,
        is_asking = function()
            return self.ownership:is_asking()
        end,
        raise = function()
            raise_timeout(self)
        end,
    })
end

--- Runs a function after the commit, in a separate fiber. Waits until the function returns,
-- or until a share of the remaining time has passed. A function that has not returned by
-- then continues in its fiber. In this case, or if the function fails, a warning is added
-- to the report. Throws an error if the calling fiber is cancelled. Yields.
-- @tparam function f
function Transaction:run_after(f)
    local finished, done, err = fiber.cond(), false, nil
    fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        self.ownership:enter()
        local _
        _, err = failure.call(f)
        done = true
        finished:broadcast()
    end)
    local watching, until_time = watch(self), monotonic() + self:time_left() * AFTER
    local ok, wait_error = pcall(function()
        while not done and monotonic() < until_time do
            finished:wait(until_time - monotonic())
            fiber.testcancel()
        end
    end)
    watching:stop()
    if not done then
        table.insert(self.warnings, 'the post-commit work did not finish in time and is still running')
    elseif err ~= nil then
        table.insert(self.warnings, 'an error occurred after the commit: ' .. failure.describe(err))
    end
    if not ok then
        error(wait_error, 0)
    end
end

--- Runs the transaction: calls `work` in a separate fiber, and waits until it returns or the
-- deadline passes. Rolls back if `work` has not committed by then. Yields.
-- @tparam function work (transaction) must call `commit` to succeed
-- @treturn[1] boolean true if the transaction was committed
-- @treturn[2] nil
-- @treturn[2] table failure, see `core.failure`; its `rollback` field is the result of
--   the rollback
function Transaction:run(work)
    local done, err, traceback = false, nil, nil
    local worker = fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        self.ownership:enter()
        self.staging = true
        local ok
        ok, err, traceback = failure.call(function()
            self:check()
            work(self)
        end)
        if not ok and not self.committed then
            pcall(notify, self, 'on_failure')
        end
        done = true
        self.finished:broadcast()
    end)

    local watching = watch(self)

    -- The waiting fiber can be cancelled, too: Cartridge's own reload and a server shutdown
    -- kill fibers.
    local waited, wait_error = pcall(function()
        while not done do
            local left = self.work_deadline - monotonic()
            if left <= 0 then
                break
            end
            self.finished:wait(left)
            -- `wait` returns normally even if this fiber was cancelled, so raise the
            -- cancellation error here.
            fiber.testcancel()
        end
    end)

    if not done and not self.committed then
        pcall(notify, self, 'on_failure')
        self.aborted = true
        self:tell(('timed out in %s'):format(self.phase), self.role, true)
        pcall(worker.cancel, worker)
        local grace = monotonic() + self:limited(GRACE, GRACE_PART)
        local patience = (monotonic() + grace) / 2
        while waited and not done and monotonic() < patience do
            waited = pcall(self.finished.wait, self.finished, patience - monotonic())
        end
        if waited and not done then
            terminate.run({{id = worker:id(), object = worker}}, grace, function()
                return done
            end, watching.hook)
        end
    end
    watching:stop()
    if self.committed and self.wants_jit ~= nil then
        -- The application may have removed `jit.on` and `jit.off`, so use `pcall`.
        pcall(self.wants_jit and jit.on or jit.off)
    end
    if self.committed then
        if not done then
            table.insert(self.warnings, 'the post-commit work did not finish in time and is still running')
        elseif err ~= nil then
            log.error('cartridge-reload: an error occurred after the commit: %s', failure.describe(err))
            table.insert(self.warnings, 'an error occurred after the commit: ' .. failure.describe(err))
        end
        return true
    end

    local phase = self.phase
    local fail
    if not waited then
        fail = failure.from(wait_error, {code = 'cancelled', phase = phase})
    elseif self.aborted then
        fail = failure.from(nil, {code = 'deadline', phase = phase}, traceback)
        fail.message = ('timed out in phase %s; nothing was committed'):format(phase)
        fail.role, fail.module = self.role, self.module
    else
        fail = failure.from(err, {code = 'internal_error', phase = phase}, traceback)
    end
    self:enter(nil)
    local rollback = self:rollback()
    if not done then
        table.insert(rollback.left, ('fiber %d "cartridge-reload" runs new code and ignores cancellation')
            :format(worker:id()))
    end
    fail.rollback = rollback
    return nil, fail
end

return {new = new}
