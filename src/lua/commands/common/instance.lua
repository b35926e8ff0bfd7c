--- Creates reports about the instance, and checks whether the instance can reload code.

local require = ...
local detect_framework = require('frameworks.detect')
local stash = require('core.stash')

--- Returns whether box.cfg() has been called.
-- @treturn boolean
local function is_configured()
    return type(box.cfg) == 'table'
end

--- Creates a report with the fields that every report has.
-- @tparam string outcome
-- @treturn table
local function describe(outcome)
    local report = {outcome = outcome, generation = stash.peek().generation}
    if is_configured() then
        report.uuid = box.info.uuid
    end
    report.alias = detect_framework():alias()
    return report
end

--- Checks whether code can be reloaded in this instance now.
-- @treturn ?table failure fields; nil if code can be reloaded
local function refusal()
    if not is_configured() then
        return {code = 'not_running', message = 'box.cfg() has not been called yet', transient = true}
    end
    local status = box.info.status
    if status ~= 'running' then
        return {
            code = 'not_running',
            message = ('box.info.status is %q, not "running"'):format(tostring(status)),
            transient = true,
        }
    end
    if type(package.search) ~= 'function' then
        return {code = 'unsupported', message = 'this Tarantool has no package.search; 2.6 or newer is required'}
    end
    return require('platform.config').refusal() or detect_framework():refusal()
end

return {
    describe = describe,
    is_configured = is_configured,
    refusal = refusal,
}
