--- Command `status`: reports whether the instance is up and handles requests, and which
-- code it runs.

local require = ...
local detect_framework = require('frameworks.detect')
local instance = require('commands.common.instance')
local package_reload = require('platform.package_reload')
local stash_lib = require('core.stash')
local tarantool = require('tarantool')

return function()
    local report = instance.describe('ok')
    local stash = stash_lib.peek()
    local status = {
        tarantool = tarantool.version,
        pid = tarantool.pid(),
        loaded_at = stash.loaded_at,
        reloading = stash_lib.holder(),
        last = stash.last,
    }
    report.status = status

    local problem
    if instance.is_configured() then
        status.box = box.info.status
        status.read_only = box.info.ro
    else
        status.box = 'unconfigured'
    end
    if status.box ~= 'running' then
        problem = {
            code = 'not_running',
            message = ('box.info.status is %q, not "running"'):format(status.box),
            transient = true,
        }
    end
    local fields, unready = detect_framework():status()
    for key, value in pairs(fields) do
        status[key] = value
    end
    local reloader = package_reload.detect()
    status.package_reload = reloader and reloader.count
    problem = problem or unready
    if problem ~= nil then
        report.outcome, report.error = 'refused', problem
    end
    return report
end
