--- Command `plan`: performs the steps of a reload that come before new code runs.
-- Changes nothing, not even the state table.

local require = ...
local catalog = require('code.catalog')
local choice_lib = require('reload.choice')
local clock = require('clock')
local detect_framework = require('frameworks.detect')
local http_files = require('adapters.http_files')
local instance = require('commands.common.instance')
local main_script = require('reload.main_script')
local notices = require('reload.notices')
local stash_lib = require('core.stash')
local request = require('commands.common.request')
local scan = require('scan.init')

--- Returns the roles whose code a reload would replace, in start order.
local function describe_roles(framework, selected)
    local list = {}
    for _, role in ipairs(framework:describe_roles()) do
        if selected[role.module] then
            table.insert(list, role)
        end
    end
    return list
end

return function(args)
    local started = clock.monotonic()
    local stash = stash_lib.peek()
    local held = stash_lib.holder()
    if held ~= nil then
        -- A reload or `push` is running, and may be changing the modules.
        return request.locked(held)
    end
    local choice = choice_lib.choose(args, stash)
    local problems = choice_lib.compile_all(choice, stash)

    local report = instance.describe('planned')
    report.modules, report.files, report.kept = {}, {}, {}
    report.warnings = notices.of(choice, args)
    local selected = {}
    for _, module in ipairs(choice.selected) do
        selected[module.name] = true
        table.insert(report.modules, catalog.describe(module))
    end
    for _, file in ipairs(choice.files) do
        table.insert(report.files, catalog.describe_file(file))
    end
    for _, item in ipairs(choice.http_files) do
        table.insert(report.files, http_files.describe(item))
    end
    for reason, names in pairs(choice.kept) do
        table.insert(report.kept, {reason = reason, names = names})
    end
    table.sort(report.kept, function(a, b)
        return a.reason < b.reason
    end)
    local framework = instance.is_configured() and detect_framework()
    if framework and framework.has_roles and framework:is_understood() then
        report.roles = describe_roles(framework, selected)
    end
    report.main = main_script.describe(choice)
    report.problems = problems

    local why = instance.refusal() or choice_lib.refusal(choice, args)
    if why ~= nil then
        why.outcome = 'refused'
        request.fail(report, why)
    elseif #problems > 0 then
        request.fail(report, {
            code = 'compile_error',
            phase = 'compile',
            module = problems[1].module,
            message = problems[1].message,
        })
    elseif choice_lib.is_unchanged(choice) then
        report.outcome = 'unchanged'
    end
    if scan.refusal() == nil then
        local result = scan.look(args, stash)
        report.stale, report.scan = result.places, result.stats
    end
    report.duration_ms = (clock.monotonic() - started) * 1000
    return report
end
