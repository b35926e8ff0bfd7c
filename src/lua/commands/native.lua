--- Command `reload --method native`: calls Cartridge's own `reload_roles` and reports
-- the actual outcome. In an application that uses the `package.reload` rock instead of
-- Cartridge, calls the rock.

local require = ...
local cartridge_lib = require('platform.cartridge')
local catalog = require('code.catalog')
local clock = require('clock')
local counterparts = require('scan.counterparts')
local deadline = require('core.deadline')
local failure = require('core.failure')
local fiber = require('fiber')
local fio = require('fio')
local generations = require('code.generations')
local instance = require('commands.common.instance')
local log = require('log')
local main_script = require('reload.main_script')
local ownership = require('code.ownership')
local package_reload = require('platform.package_reload')
local recorder = require('code.recorder')
local stash_lib = require('core.stash')
local request = require('commands.common.request')
local scan = require('scan.init')

--- Checks whether the command can start.
-- @treturn ?table a report with the reason if the command cannot start, otherwise nil
local function refusal(args, cartridge, reloader)
    if cartridge == nil and reloader ~= nil then
        return request.check_ready(args)
    elseif cartridge == nil then
        return request.check_ready(args) or request.refused({
            code = 'no_cartridge',
            message = 'the instance does not run Cartridge, so --method native has nothing to call',
        })
    end
    local refused = request.check_ready(args)
    -- A failed reload leaves Cartridge in state ReloadError or OperationError. Allow
    -- another reload, because it may succeed and end that state.
    local state = cartridge:state()
    if refused ~= nil and refused.error.code == 'bad_state'
    and (state == 'ReloadError' or state == 'OperationError') then
        refused = nil
    end
    return refused
end

--- Refuses the command if `package.reload` would not run the application's main script.
-- `package.reload` resolves a relative path of the script against the current
-- directory. If the process has changed its working directory, the rock would run a
-- different file or find none.
-- @tparam table reloader `package.reload`
-- @tparam ?table main the main script
-- @tparam ?string why the main script was not found
-- @treturn ?table a report that refuses the command; nil if the rock would run the main
--   script
local function script_refusal(reloader, main, why)
    local path = fio.abspath(reloader.script)
    local stat = fio.stat(path)
    local message
    if stat == nil or not stat:is_reg() then
        message = ('package.reload would run %s, which does not exist: the file was removed, '
            .. 'or the working directory has changed since %s was started'):format(path, reloader.script)
    elseif main == nil then
        message = ('package.reload would run %s, which might not be the main script: %s'):format(path, why)
    else
        local own = fio.stat(main.path)
        if own ~= nil and own.dev == stat.dev and own.inode == stat.inode then
            return nil
        end
        message = ('package.reload would run %s, but the main script is %s'):format(path, main.path)
    end
    return request.refused({code = 'no_main_script', phase = 'native', message = message})
end

--- Starts recording the application modules that are loaded from now on.
-- @tparam table stash the state table
-- @tparam ?table main the main script, if it will be run
-- @treturn table {ownership, modules, recorder, stop}. `modules` is a list of {name,
--   path, digest}. `stop` is a function that ends the recording.
local function record(stash, main)
    local notes = {ownership = ownership.new(stash), modules = {}}
    if main ~= nil then
        notes.ownership:enter()
        notes.ownership:forget(main.path)
        notes.ownership:add_source('@' .. main.given, '@' .. main.path)
    end
    local function loader(name)
        local kind, path = catalog.classify(name)
        local module = {name = name, path = path}
        -- On a compile error, return nil, so that Tarantool's own loader reports the
        -- error as usual.
        if kind ~= 'app' or not catalog.compile(module, stash) then
            return nil
        end
        notes.ownership:record(module.chunk, path)
        table.insert(notes.modules, module)
        return module.chunk
    end
    table.insert(package.loaders, 1, loader)
    -- A file that is loaded by code outside any module is attributed to the main
    -- script.
    notes.recorder = recorder.start({staging = true, ownership = notes.ownership}, function()
        return main
    end)
    notes.stop = function()
        notes.recorder:stop()
        for i, other in ipairs(package.loaders) do
            if other == loader then
                table.remove(package.loaders, i)
                return
            end
        end
    end
    return notes
end

--- Records the new generation and its modules in the state table. Yields.
-- @tparam table stash the state table
-- @tparam table notes from `record`
-- @tparam table before module name -> value, for all modules loaded before the reload
-- @treturn table module name -> previous path, for modules whose file has moved
local function remember(stash, notes, before)
    local former = {}
    for _, module in ipairs(notes.modules) do
        local path = catalog.former_file(module, before[module.name], stash)
        if path ~= nil then
            notes.ownership:forget(path)
            former[module.name] = path
        end
    end
    stash.generation = stash.generation + 1
    stash.loaded_at = fiber.time()
    generations.record(stash, notes.ownership, stash.generation)
    for _, module in ipairs(notes.modules) do
        stash.files[module.path] = module.digest
        stash.names[module.name] = module.path
        stash.values[module.name] = package.loaded[module.name]
        stash.loads[module.name] = notes.recorder.files['@' .. module.path]
    end
    return former
end

--- Calls the `package.reload` rock, which runs the main script. When the script
-- requires the rock, the rock ends the old generation. After that, a rollback is
-- impossible.
-- @treturn table report
local function reload_script(reloader)
    local report, before = instance.describe('reloaded'), reloader.count
    local ok, err, traceback = failure.call(reloader)
    if ok and reloader.count ~= before then
        return report
    end
    -- If the main script fails before it requires `package.reload`, the old generation
    -- is still serving.
    local has_ended = reloader.count ~= before
    request.fail(report, failure.from(ok and 'the main script does not load package.reload' or err,
        {code = has_ended and 'native_failed' or 'load_error', phase = 'native', module = main_script.NAME}, traceback))
    if not has_ended then
        return report
    end
    report.outcome = 'degraded'
    report.rollback = {
        complete = false,
        undone = {},
        left = {'package.reload has ended the old generation, but the main script failed: this cannot be rolled back'},
    }
    return report
end

--- Calls Cartridge's `reload_roles` and reports the outcome.
-- @treturn table report
local function reload_roles(cartridge)
    local report = instance.describe('reloaded')
    local ok, result, err = failure.call(package.loaded['cartridge'].reload_roles)
    if ok and result then
        return report
    end
    local fail = failure.from(ok and err or result, {code = 'native_failed', phase = 'native'},
        not ok and err or nil)
    request.fail(report, fail)
    local state = cartridge:state()
    if state == 'RolesConfigured' then
        -- If Cartridge is still in state RolesConfigured, it has refused the reload
        -- without changing anything.
        report.outcome = 'refused'
    else
        report.outcome = 'degraded'
        report.rollback = {
            complete = false,
            undone = {},
            left = {('Cartridge is in state %q after its own reload, which cannot be rolled back'):format(state)},
        }
    end
    return report
end

return function(args)
    local started = clock.monotonic()
    local cartridge, reloader = cartridge_lib.detect(), package_reload.detect()
    local refused = refusal(args, cartridge, reloader)
    local main, why
    if refused == nil and cartridge == nil then
        main, why = main_script.find()
        refused = script_refusal(reloader, main, why)
    end
    if refused ~= nil then
        return refused
    end
    local lock, held = stash_lib.acquire(args.holder or 'unknown')
    if lock == nil then
        return request.locked(held)
    end
    local stash = stash_lib.get()
    log.info('cartridge-reload: %s started a native reload (current generation: %d)',
        lock.holder, stash.generation)
    if main ~= nil then
        -- Compile the main script only to get its digest: `package.reload` compiles the
        -- script again to run it.
        catalog.compile(main, stash)
    end
    local before, notes = table.copy(package.loaded), record(stash, main)
    local ok, report
    if cartridge ~= nil then
        ok, report = pcall(reload_roles, cartridge)
    else
        ok, report = pcall(reload_script, reloader)
    end
    notes.stop()
    -- Restore the state table, because Cartridge's reload removes unknown globals.
    rawset(_G, stash_lib.NAME, stash)
    if ok and report.outcome == 'reloaded' then
        local former = remember(stash, notes, before)
        if main ~= nil then
            stash.files[main.path] = main.digest
        end
        report.generation = stash.generation
        scan.finish(report, {
            stash = stash,
            deadline = deadline.of(args),
            counterparts = counterparts.new(stash, {
                ownership = notes.ownership,
                old = before,
                former = former,
            }),
        }, args.stale)
    end
    stash_lib.release(lock)
    if not ok then
        error(report, 0)
    end
    report.duration_ms = (clock.monotonic() - started) * 1000
    request.record(stash, report)
    return report
end
