--- Command `stale`: scans for references to earlier generations. Changes nothing and
-- takes no lock, so that it never blocks a reload. A reload that runs at the same time
-- would make the result invalid. In that case, the report has the outcome `refused`.

local require = ...
local clock = require('clock')
local instance = require('commands.common.instance')
local stash_lib = require('core.stash')
local request = require('commands.common.request')
local scan = require('scan.init')

return function(args)
    local started = clock.monotonic()
    local late = request.check_deadline(args)
    if late ~= nil then
        return late
    end
    local stash = stash_lib.peek()
    local held = stash_lib.holder()
    if held ~= nil then
        return request.locked(held)
    end
    local why = scan.refusal()
    if why ~= nil then
        return request.refused({code = 'scan_too_large', phase = 'scan', message = why})
    end
    local generation = stash.generation
    local result = scan.look(args, stash)
    held = stash_lib.holder()
    if held ~= nil then
        return request.locked(held)
    elseif stash.generation ~= generation then
        return request.refused({
            code = 'locked',
            message = 'another reload ran during the scan',
            transient = true,
        })
    end

    local report = instance.describe('ok')
    report.stale, report.scan = result.places, result.stats
    report.duration_ms = (clock.monotonic() - started) * 1000
    report.timings_ms = {scan = report.duration_ms}
    if result.stopped == 'memory' then
        return request.fail(report, {
            code = 'scan_too_large',
            phase = 'scan',
            message = 'out of memory: the heap grew during the scan',
        })
    elseif result.stopped ~= nil and result.stopped ~= 'time' then
        return request.fail(report, {
            code = 'internal_error',
            phase = 'scan',
            message = result.stopped,
        })
    elseif result.stopped ~= nil then
        return request.fail(report, {
            code = 'deadline',
            phase = 'scan',
            message = 'timed out before the scan was complete',
        })
    elseif result.left > 0 then
        return request.fail(report, {
            code = 'stale_references',
            phase = 'scan',
            message = scan.count_text(result.left, 'stale reference', 'stale references') .. ' found',
        })
    end
    return report
end
