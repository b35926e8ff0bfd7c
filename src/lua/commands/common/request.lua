--- Functions with which commands refuse requests, report progress, and record outcomes.

local require = ...
local failure = require('core.failure')
local fiber = require('fiber')
local instance = require('commands.common.instance')
local log = require('log')
local yield = require('core.yield')

local function refused(fields)
    local report = instance.describe('refused')
    fields.outcome = 'refused'
    return failure.set_error(report, fields)
end

--- Checks whether the instance has read the request so late that the client is no longer
-- waiting for the reply.
-- @tparam table args arguments of the command
-- @treturn ?table a report of the timeout; nil if the client is still waiting,
--   or if `args` does not say how long it waits
local function check_deadline(args)
    if args.not_after == nil or fiber.time() <= args.not_after then
        return nil
    end
    return failure.set_error(instance.describe('timeout'), {
        code = 'deadline',
        message = 'timed out before the instance started to work on the request',
    })
end

--- Checks that the deadline has not passed, and that the instance can reload code.
-- @tparam table args arguments of the command
-- @treturn ?table a report that says why the command cannot start; nil if it can
local function check_ready(args)
    local late = check_deadline(args)
    if late ~= nil then
        return late
    end
    local why = instance.refusal()
    return why and refused(why)
end

--- Returns a report that refuses the command because another fiber holds the lock.
-- @tparam table held the holder of the lock
local function locked(held)
    return refused({
        code = 'locked',
        message = ('another reload or push, started by %s, has been running for %.1f s')
            :format(held.holder, held.seconds),
        transient = true,
    })
end

--- Appends the database user and the address of the client to the client's name in
-- `args.holder`. Does nothing outside a binary session. Must run in the fiber that has
-- read the request, because only that fiber has the session.
local function name_peer(args)
    if args.holder == nil or box.session.type() ~= 'binary' then
        return
    end
    args.holder = ('%s as %s from %s'):format(args.holder, box.session.user(), tostring(box.session.peer()))
end

--- Runs a command in its own fiber and waits until it has finished.
--
-- The command finishes, releases its lock and cleans up even if the calling fiber is
-- cancelled. Phases are sent to the client as push messages: important phases always,
-- others only if `args.verbose` is set. The calling fiber sends them, because it has the
-- session of the client. Errors from sending are ignored, because newer servers may
-- have push messages disabled.
--
-- Raises any error that `work` raises. Also raises an error if the calling fiber is
-- cancelled.
-- @tparam table args arguments of the command
-- @tparam function work (on_phase) -> report; calls `on_phase` with each phase
-- @treturn table report
local function run_in_fiber(args, work)
    local changed, phases = fiber.cond(), {}
    local done, ok, result = false, nil, nil
    name_peer(args)
    fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        ok, result = pcall(work, function(phase, is_important)
            if args.verbose or is_important then
                table.insert(phases, phase)
            end
            changed:broadcast()
        end)
        done = true
        changed:broadcast()
    end)
    local function tell()
        while #phases > 0 do
            pcall(box.session.push, table.remove(phases, 1))
        end
    end
    while not done do
        tell()
        -- Sending a push message may yield, so the command may have finished in the
        -- meantime.
        if not done and #phases == 0 then
            changed:wait()
            fiber.testcancel()
        end
    end
    tell()
    -- Yield now, because the server will encode the report without yielding. Ignore
    -- errors: `if_due` raises one in a cancelled fiber.
    pcall(yield.if_due, 0)
    if not ok then
        error(result, 0)
    end
    return result
end

--- Records the outcome of a reload in the state table and in the log.
local function record(stash, report)
    local err = report.error
    stash.last = {
        outcome = report.outcome,
        code = err and err.code,
        at = fiber.time(),
        duration_ms = report.duration_ms,
    }
    local write = (report.outcome == 'reloaded' or report.outcome == 'unchanged') and log.info or log.error
    write('cartridge-reload: %s, generation %d, %.0f ms%s', report.outcome, stash.generation,
        report.duration_ms, err and (': %s: %s'):format(tostring(err.code), failure.describe(err.message)) or '')
end

return {
    run_in_fiber = run_in_fiber,
    fail = failure.set_error,
    locked = locked,
    record = record,
    check_ready = check_ready,
    refused = refused,
    check_deadline = check_deadline,
}
