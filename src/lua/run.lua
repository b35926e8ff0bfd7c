--- What the commands that change an instance have in common: refusing, telling
-- how far they are, and remembering how it ended.

local require = ...
local failure = require('failure')
local fiber = require('fiber')
local instance = require('instance')
local log = require('log')

--- Puts a failure into a report.
-- @tparam table report
-- @tparam table fail see `failure`, with `rollback` if something was undone
local function fail_report(report, fail)
    report.outcome = fail.outcome or 'failed'
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

--- A report that refuses, if the instance or the time does not allow to begin.
-- @tparam table args
-- @treturn ?table report
local function refusal(args)
    if args.not_after ~= nil and fiber.time() > args.not_after then
        -- The request waited in a socket until nobody waits for it any more.
        local report = instance.describe('timeout')
        return fail_report(report, {
            outcome = 'timeout',
            code = 'deadline',
            message = 'the time was over before the instance could begin',
        })
    end
    local why = instance.refusal()
    return why and refused(why)
end

--- A report for one who finds the lock taken.
local function locked(held)
    return refused({
        code = 'locked',
        message = ('another reload is running for %.1f s, asked for by %s'):format(held.seconds, held.holder),
        transient = true,
    })
end

--- A function that tells the client which phase begins, if it wants to know.
-- Push messages are a bonus: newer servers may have them switched off.
local function progress(args)
    if not args.verbose then
        return nil
    end
    return function(phase)
        pcall(box.session.push, phase)
    end
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
    fail = fail_report,
    locked = locked,
    progress = progress,
    record = record,
    refusal = refusal,
    refused = refused,
}
