--- What the commands that change an instance have in common: refusing, telling
-- how far they are, and remembering how it ended.

local require = ...
local codes = require('core.codes')
local failure = require('core.failure')
local fiber = require('fiber')
local instance = require('core.instance')
local log = require('log')

--- Puts a failure into a report.
-- @tparam table report
-- @tparam table fail see `failure`, with `rollback` if something was undone
local function fail_report(report, fail)
    report.outcome = fail.outcome or codes[fail.code] or 'failed'
    report.error = {
        code = fail.code,
        phase = fail.phase,
        role = fail.role,
        module = fail.module,
        message = fail.message,
        traceback = fail.traceback,
        transient = fail.transient,
    }
    if fail.rollback ~= nil then
        local complete = #fail.rollback.left == 0
        report.rollback = {
            complete = complete,
            undone = fail.rollback.undone,
            left = fail.rollback.left,
        }
        report.warnings = report.warnings or {}
        for _, doubt in ipairs(fail.rollback.doubts) do
            table.insert(report.warnings, doubt)
        end
        if not complete then
            report.outcome = 'degraded'
        end
    end
    return report
end

local function refused(fields)
    local report = instance.describe('refused')
    fields.outcome = 'refused'
    return fail_report(report, fields)
end

--- A report for a request that waited in a socket until nobody waits for it any
-- more.
-- @tparam table args
-- @treturn ?table report
local function too_late(args)
    if args.not_after == nil or fiber.time() <= args.not_after then
        return nil
    end
    return fail_report(instance.describe('timeout'), {
        code = 'deadline',
        message = 'timed out before the instance started',
    })
end

--- A report that refuses, if the instance or the time does not allow to begin.
-- @tparam table args
-- @treturn ?table report
local function refusal(args)
    local late = too_late(args)
    if late ~= nil then
        return late
    end
    local why = instance.refusal()
    return why and refused(why)
end

--- A report for one who finds the lock taken.
local function locked(held)
    return refused({
        code = 'locked',
        message = ('another reload has been running for %.1f s, started by %s'):format(held.seconds, held.holder),
        transient = true,
    })
end

--- Does the work of a command in a fiber of its own and waits for it.
--
-- Whatever happens to the fiber that asks, the work comes to its end, with its
-- lock and its clearing up. Only the session of the fiber that asks can send
-- messages, so it tells the client meanwhile which phase begins, if the client
-- wants to know or it is important. Messages are a bonus: newer servers may have them switched off.
-- @tparam table args
-- @tparam function work gets a function to be called with each phase
-- @treturn table report
local function detached(args, work)
    local changed, phases = fiber.cond(), {}
    local done, ok, result = false, nil, nil
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
        -- Sending can take its time, and the work can end meanwhile.
        if not done and #phases == 0 then
            changed:wait()
            fiber.testcancel()
        end
    end
    tell()
    if not ok then
        error(result, 0)
    end
    return result
end

--- Remembers how a reload ended, in the registry and in the log.
local function record(registry, report)
    local err = report.error
    registry.last = {
        outcome = report.outcome,
        code = err and err.code,
        at = fiber.time(),
        duration_ms = report.duration_ms,
    }
    local write = (report.outcome == 'reloaded' or report.outcome == 'unchanged') and log.info or log.error
    write('cartridge-reload: %s, generation %d, %.0f ms%s', report.outcome, registry.generation,
        report.duration_ms, err and (': %s: %s'):format(tostring(err.code), failure.describe(err.message)) or '')
end

return {
    detached = detached,
    fail = fail_report,
    locked = locked,
    record = record,
    refusal = refusal,
    refused = refused,
    too_late = too_late,
}
