--- Command `reload`: runs the transaction while holding the lock, writes audit lines to
-- the log, and builds the report.

local require = ...
local catalog = require('code.catalog')
local choice_lib = require('reload.choice')
local clock = require('clock')
local fiber = require('fiber')
local generations = require('code.generations')
local hints = require('reload.hints')
local http_files = require('adapters.http_files')
local instance = require('commands.common.instance')
local log = require('log')
local main_script = require('reload.main_script')
local notices = require('reload.notices')
local stash_lib = require('core.stash')
local request = require('commands.common.request')
local scan = require('scan.init')
local yield = require('core.yield')
local pipeline = require('reload.pipeline')
local transaction = require('reload.transaction')

--- Records the new generation in the state table, after the commit. Yields.
local function remember(txn, work)
    -- Read `package.loaded` only once. It is still a different table for old and new
    -- code, so each access has to examine the caller's stack, which is slow.
    local stash, loaded = txn.stash, package.loaded
    stash.generation = stash.generation + 1
    stash.loaded_at = fiber.time()
    generations.record(stash, txn.ownership, stash.generation)
    for _, list in ipairs({work.choice.selected, work.modules.added}) do
        for _, module in ipairs(list) do
            pcall(yield.if_due)
            stash.files[module.path] = module.digest
            stash.names[module.name] = module.path
            stash.values[module.name] = loaded[module.name]
            stash.loads[module.name] = nil
        end
    end
    if work.choice.main ~= nil then
        stash.files[work.choice.main.path] = work.choice.main.digest
    end
    for _, module in ipairs(work.choice.gone) do
        stash.files[module.path] = nil
        stash.names[module.name] = nil
        stash.loads[module.name] = nil
    end
    for _, file in ipairs(work.modules:loaded_files()) do
        stash.loads[file.module] = stash.loads[file.module] or {}
        stash.loads[file.module][file.path] = file.digest
    end
    work.http_files:remember()
end

local function describe_modules(choice, added)
    local list = {}
    for _, module in ipairs(choice.selected) do
        pcall(yield.if_due)
        table.insert(list, catalog.describe(module))
    end
    for _, module in ipairs(added or {}) do
        table.insert(list, catalog.describe(module))
    end
    return list
end

--- Describes the files that code of modules has loaded without `require`, for example
-- with `dofile`, and the files that HTTP servers have cached. Each description says
-- whether the file has changed since the previous generation loaded it.
-- @tparam table choice as returned by `catalog.choose`
-- @tparam ?table loaded files that the modules of the new generation have loaded; nil
--   if the new generation has not run
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
    for _, item in ipairs(choice.http_files) do
        table.insert(list, http_files.describe(item))
    end
    return list
end

--- Counts the routes that were added, replaced and removed on all HTTP servers.
-- @tparam ?{table,...} servers the adapters for the HTTP servers
-- @treturn ?table {added, replaced, removed}; nil if no server has counts
local function count_routes(servers)
    local sum
    for _, server in ipairs(servers or {}) do
        for what, count in pairs(server.counts or {}) do
            sum = sum or {added = 0, replaced = 0, removed = 0}
            sum[what] = sum[what] + count
        end
    end
    return sum
end

--- Fills a report with the results of a reload.
-- @tparam table report
-- @tparam table txn the transaction
-- @tparam table work the reload, see `reload.pipeline`
-- @tparam ?table files see `loaded` of `describe_files`
local function describe(report, txn, work, files)
    report.warnings, report.timings_ms = txn.warnings, txn.timings_ms
    report.modules = describe_modules(work.choice, work.modules and work.modules.added)
    report.files = describe_files(work.choice, files)
    report.main = main_script.describe(work.choice)
    report.roles = work.life and work.life.order or {}
    report.routes = count_routes(work.http_servers and work.http_servers:list())
    report.fibers = work.fibers and work.fibers.report
end

--- Runs a step that follows the commit, and catches its error. The new code is already
-- serving, so the error is reported only as a warning.
-- @tparam table txn the transaction
-- @tparam string what the step, as an infinitive
-- @treturn ?string the error
local function attempt(txn, what, f, ...)
    local ok, err = pcall(f, ...)
    if ok then
        return nil
    end
    log.error('cartridge-reload: failed to %s after the commit: %s', what, tostring(err))
    table.insert(txn.warnings, ('failed to %s after the commit: %s'):format(what, tostring(err)))
    return tostring(err)
end

--- Performs all steps that follow the commit, and builds the report. Yields.
-- @treturn table report
local function finish(txn, work)
    attempt(txn, 'record the generation', remember, txn, work)
    txn:enter('scan')
    -- End the old code now if it is handling no requests. If it is handling requests,
    -- scan first, to replace stale references (unless `args.stale` is `report`). Then
    -- code that is not reloaded calls the new code while the old code finishes these
    -- requests.
    attempt(txn, 'end old code', work.end_old, work, 0)
    local report = {outcome = 'reloaded', generation = txn.stash.generation, warnings = txn.warnings}
    attempt(txn, 'build the report', function()
        report = instance.describe('reloaded')
        describe(report, txn, work, work.modules:loaded_files())
    end)
    report.warnings = txn.warnings
    if txn.commit_error ~= nil then
        request.fail(report, {code = 'commit_failed', phase = 'commit', message = txn.commit_error})
    end
    local err = attempt(txn, 'scan for stale references', scan.finish, report, {
        stash = txn.stash,
        deadline = txn.deadline,
        counterparts = txn.counterparts,
        census = work.census,
        settle = function()
            return work:end_old()
        end,
        waits = function()
            return not work.is_over
        end,
        loops = function()
            return work.fibers:list_loops()
        end,
    }, txn.args.stale)
    table.insert(report.warnings, main_script.hint(work.choice, report.stale or {}))
    if err ~= nil and txn.args.stale == 'fail' and report.outcome == 'reloaded' then
        request.fail(report, {code = 'scan_incomplete', phase = 'scan', message = err})
    end
    attempt(txn, 'close the adapters', work.close, work)
    txn:enter(nil)
    -- Discard compiled traces, because they may keep the code of hundreds of
    -- generations in memory. LuaJIT compiles hot code again within milliseconds.
    attempt(txn, 'flush compiled code', function()
        jit.flush()
    end)
    attempt(txn, 'release the transaction', txn.release, txn)
    return report
end

--- Runs a reload. The caller holds the lock.
-- @tparam table args arguments of the command
-- @tparam table stash the state table
-- @tparam function on_phase called with each phase
-- @treturn table report
local function reload(args, stash, on_phase)
    local txn = transaction.new(args, stash)
    txn.on_phase = on_phase
    txn:enter('compile')
    local choice = choice_lib.choose(args, stash)
    local why = choice_lib.refusal(choice, args)
    if why ~= nil then
        return request.refused(why)
    end
    txn.warnings = notices.of(choice, args)
    local problems = choice_lib.compile_all(choice, stash)
    if #problems > 0 then
        local report = instance.describe('failed')
        report.modules = describe_modules(choice)
        report.problems = problems
        return request.fail(report, {
            code = 'compile_error',
            phase = 'compile',
            module = problems[1].module,
            message = problems[1].message,
        })
    end
    if args.if_changed and choice_lib.is_unchanged(choice) then
        local report = instance.describe('unchanged')
        report.modules = describe_modules(choice)
        report.files = describe_files(choice)
        return report
    end

    local work = pipeline.new(txn, choice)
    local ok, fail = txn:run(function()
        work:run()
    end)
    if ok then
        return finish(txn, work)
    end
    generations.record_failed(stash, txn.ownership)
    if fail.rollback ~= nil then
        local is_done, err = pcall(work.after_failure, work, fail.rollback)
        if not is_done then
            log.error('cartridge-reload: the rollback failed: %s', tostring(err))
            table.insert(fail.rollback.left, 'the rollback did not finish: ' .. tostring(err))
        end
    end
    local report = instance.describe('failed')
    describe(report, txn, work)
    hints.add(fail)
    request.fail(report, fail)
    txn:release()
    return report
end

return function(args)
    local started = clock.monotonic()
    local refused = request.check_ready(args)
    if refused ~= nil then
        return refused
    end
    return request.run_in_fiber(args, function(on_phase)
        local lock, held = stash_lib.acquire(args.holder or 'unknown')
        if lock == nil then
            return request.locked(held)
        end
        local stash = stash_lib.get()
        log.info('cartridge-reload: %s started a reload (current generation: %d)',
            lock.holder, stash.generation)
        local ok, report = pcall(reload, args, stash, on_phase)
        stash_lib.release(lock)
        if not ok then
            log.error('cartridge-reload: %s', tostring(report))
            error(report, 0)
        end
        report.duration_ms = (clock.monotonic() - started) * 1000
        request.record(stash, report)
        return report
    end)
end
