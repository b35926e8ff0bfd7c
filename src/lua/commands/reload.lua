--- Command `reload`: the staged transaction, its lock, its audit lines and its
-- report.

local require = ...
local catalog = require('reload.catalog')
local clock = require('clock')
local fiber = require('fiber')
local generations = require('reload.generations')
local instance = require('core.instance')
local log = require('log')
local notices = require('reload.notices')
local registry_lib = require('core.state')
local run = require('core.command')
local scan = require('scan.init')
local slice = require('core.yield')
local staged = require('reload.pipeline')
local transaction = require('reload.transaction')

--- What the registry remembers of the generation that has just taken over.
local function remember(txn, work)
    -- The commit was a slice of its own.  A cancelled fiber cannot pause.
    pcall(slice.pause)
    local registry = txn.registry
    registry.generation = registry.generation + 1
    registry.loaded_at = fiber.time()
    generations.record(registry, txn.origin, registry.generation)
    for _, list in ipairs({work.choice.selected, work.modules.added}) do
        for _, module in ipairs(list) do
            registry.files[module.path] = module.digest
            registry.names[module.name] = module.path
            registry.values[module.name] = package.loaded[module.name]
            registry.loads[module.name] = nil
        end
    end
    for _, module in ipairs(work.choice.gone) do
        registry.files[module.path] = nil
        registry.names[module.name] = nil
        registry.loads[module.name] = nil
    end
    for _, file in ipairs(work.modules:loaded_files()) do
        registry.loads[file.module] = registry.loads[file.module] or {}
        registry.loads[file.module][file.path] = file.digest
    end
end

local function describe_modules(choice, added)
    local list = {}
    for _, module in ipairs(choice.selected) do
        pcall(slice.pause)
        table.insert(list, catalog.describe(module))
    end
    for _, module in ipairs(added or {}) do
        table.insert(list, catalog.describe(module))
    end
    return list
end

--- The files that modules have loaded themselves, and whether each differs from
-- what the generation before had loaded.
local function describe_files(choice, loaded)
    local known, list = {}, {}
    for _, file in ipairs(choice.files) do
        known[file.module .. '\0' .. file.path] = file.changed
    end
    for _, file in ipairs(loaded or choice.files) do
        table.insert(list, catalog.describe_file({
            path = file.path,
            module = file.module,
            changed = known[file.module .. '\0' .. file.path],
        }))
    end
    return list
end

--- Does the reload, with the lock held.
-- @tparam table args
-- @tparam table registry
-- @tparam function on_phase to be called with each phase
-- @treturn table report
local function reload(args, registry, on_phase)
    local txn = transaction.new(args, registry)
    txn.on_phase = on_phase
    txn:enter('compile')
    local choice = catalog.choose(args, registry)
    local why = staged.refusal(choice, args)
    if why ~= nil then
        return run.refused(why)
    end
    txn.warnings = notices.of(choice, args)
    local problems = staged.compile_all(choice, registry)
    if #problems > 0 then
        local report = instance.describe('failed')
        report.modules = describe_modules(choice)
        report.problems = problems
        return run.fail(report, {
            code = 'compile_error',
            phase = 'compile',
            module = problems[1].module,
            message = problems[1].message,
        })
    end
    if args.if_changed and staged.is_unchanged(choice) then
        local report = instance.describe('unchanged')
        report.modules = describe_modules(choice)
        report.files = describe_files(choice)
        return report
    end

    local work = staged.new(txn, choice)
    local ok, fail = txn:run(function()
        work:work()
    end)
    if ok then
        remember(txn, work)
        txn:enter('scan')
        work:after_commit()
        -- Where no request is in flight; otherwise the scan comes first, as others
        -- reach new code only when it has patched their way.
        work:judge_fibers(0)
    else
        generations.record_failed(registry, txn.origin)
        if fail.rollback ~= nil then
            work:after_failure(fail.rollback)
        end
    end

    local report = instance.describe('reloaded')
    report.modules = describe_modules(choice, work.modules and work.modules.added)
    local life, http = work.life, work.framework.http
    report.files = describe_files(choice, ok and work.modules:loaded_files() or nil)
    report.roles = life and life.order or {}
    report.routes = http and http.counts
    report.fibers = work.fibers and work.fibers.report
    report.timings_ms = txn.timings_ms
    report.warnings = txn.warnings
    if not ok then
        run.fail(report, fail)
    else
        if txn.commit_error ~= nil then
            report.outcome = 'degraded'
            report.error = {code = 'commit_failed', phase = 'commit', message = txn.commit_error}
        end
        scan.finish(report, {
            registry = registry,
            deadline = txn.deadline,
            counterparts = txn.counterparts,
            settle = function()
                return work:judge_fibers()
            end,
            loops = function()
                return work.fibers:list_loops()
            end,
        }, args.stale)
        txn:enter(nil)
        -- Compiled code keeps the code alive that it was made from: the memory
        -- of hundreds of generations. It is made anew within milliseconds.
        jit.flush()
    end
    txn:release()
    return report
end

return function(args)
    local started = clock.monotonic()
    local refused = run.refusal(args)
    if refused ~= nil then
        return refused
    end
    return run.detached(args, function(on_phase)
        local lock, held = registry_lib.acquire(args.holder or 'unknown')
        if lock == nil then
            return run.locked(held)
        end
        local registry = registry_lib.get()
        log.info('cartridge-reload: reload of generation %d begins, asked for by %s',
            registry.generation, lock.holder)
        local ok, report = pcall(reload, args, registry, on_phase)
        registry_lib.release(lock)
        if not ok then
            log.error('cartridge-reload: %s', tostring(report))
            error(report, 0)
        end
        report.duration_ms = (clock.monotonic() - started) * 1000
        run.record(registry, report)
        return report
    end)
end
