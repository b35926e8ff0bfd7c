--- The phases of a staged reload:
--
--   compile   reads and compiles all files, without changing the instance
--   load      runs the new modules and registers their roles
--   validate  lets the new roles check the active config
--   init      initialises the new roles
--   apply     applies the config to the new roles
--   commit    makes the new code the serving code, in one step that does not yield
--
-- The old code serves until the commit, and keeps serving if an earlier phase fails.
-- The old roles are stopped after the commit, once the requests that use them have
-- finished.

local require = ...
local census = require('scan.census')
local detect_framework = require('frameworks.detect')
local failure = require('core.failure')
local fiber = require('fiber')
local lifecycle = require('reload.lifecycle')
local log = require('log')
local main_script = require('reload.main_script')
local old_code = require('reload.old_code')
local stop_guard = require('reload.stop_guard')
local scan = require('scan.init')
local yield = require('core.yield')
local sweep = require('reload.sweep')

local adapters = {
    builtins = require('adapters.builtins'),
    config_roles = require('adapters.config_roles'),
    connections = require('adapters.connections'),
    endings = require('adapters.endings'),
    expirationd = require('adapters.expirationd'),
    ffi = require('adapters.ffi'),
    fibers = require('adapters.fibers'),
    globals = require('adapters.globals'),
    http = require('adapters.http'),
    http_files = require('adapters.http_files'),
    http_servers = require('adapters.http_servers'),
    httpd_role = require('adapters.httpd_role'),
    listeners = require('adapters.listeners'),
    modules = require('adapters.modules'),
    package_reload = require('adapters.package_reload'),
    process = require('adapters.process'),
    roles = require('adapters.roles'),
    schema = require('adapters.schema'),
    spaces = require('adapters.spaces'),
    triggers = require('adapters.triggers'),
    vars = require('adapters.vars'),
    watchers = require('adapters.watchers'),
}

-- Maximum share of the rollback time to spend searching for failed code.
local SWEEP_PART = 0.4

local Pipeline = {}
Pipeline.__index = Pipeline

--- Creates a staged reload. Changes nothing in the instance yet.
-- @tparam table txn the transaction
-- @tparam table choice result of `choose` in `reload.choice`, already passed to
--   `compile_all`
local function new(txn, choice)
    return setmetatable({
        txn = txn,
        choice = choice,
        framework = detect_framework(),
        sweep = sweep.new(txn),
        old_code = old_code.new(txn, choice),
    }, Pipeline)
end

--- Runs the main script again, so that it requires the modules in the same order as at
-- startup.
function Pipeline:run_main()
    local txn = self.txn
    txn.module = main_script.NAME
    local ok, err, traceback = self.process:run()
    if not ok then
        self.modules:fail(main_script.NAME, err, traceback)
    end
    txn.module = nil
end

--- Runs the main script first, if the reload includes it. Then loads all selected
-- modules, those of roles first, as at startup.
function Pipeline:load()
    local first = {}
    for _, name in ipairs(self.framework:role_modules()) do
        if self.modules.by_name[name] ~= nil then
            table.insert(first, name)
        end
    end
    local ok, err = self.txn:call(function()
        if self.choice.main ~= nil then
            self:run_main()
        end
        self.modules:load_all(first)
    end)
    if not ok then
        error(err, 0)
    end
end

--- Prepares the search for counterparts: the functions and tables of the new code that
-- correspond to those of the old code. May yield.
function Pipeline:match()
    self.txn.counterparts = self.old_code:match(self.modules, self.http_files)
    self.txn.counterparts:find_strangers(function(object)
        return self.sweep:was_there(object)
    end)
end

--- Creates the adapters and adds them to the transaction. Each adapter protects one kind
-- of thing, such as triggers. Must be called before new code runs. Yields.
function Pipeline:add_adapters()
    local txn = self.txn
    -- Some adapters take a long time to create, because they examine all modules. Yield
    -- before creating each such adapter, to give its creation a full time slice.
    yield.if_due(0)
    txn:add(adapters.builtins.new(txn, self.choice.kept.builtin or {}))
    yield.if_due(0)
    self.modules = txn:add(adapters.modules.new(txn, self.choice))
    yield.if_due(0)
    txn:add(adapters.expirationd.new(txn, self.modules))
    self.process = txn:add(adapters.process.new(txn, self.choice.main))
    function txn.on_configure(current, options)
        return self.process:configure(current, options)
    end
    if self.choice.reloader ~= nil then
        self.reloader = txn:add(adapters.package_reload.new(txn, self.choice.reloader, self.modules))
        function txn.ends_by_itself(f)
            return self.reloader:is_watched_by(f)
        end
    end
    txn:add(adapters.globals.new(txn, self.modules))
    self.framework:stage(txn, self.modules, adapters)
    self.http_servers = txn:add(adapters.http_servers.new(txn, adapters.http, self.framework.servers))
    self.http_files = txn:add(adapters.http_files.new(txn, self.choice.http_files, self.choice.select))
    self.life = lifecycle.new(txn, self.framework, self.modules, adapters, self.http_servers)
    self.life.on_early_stop = function()
        self.sweep:note_stop()
    end
    txn:add(adapters.schema.new(txn))
    txn:add(adapters.spaces.new(txn))
    local triggers = txn:add(adapters.triggers.new(txn))
    self.watchers = txn:add(adapters.watchers.new(txn, triggers))
    txn:add(adapters.ffi.new(txn))
    self.listeners = txn:add(adapters.listeners.new(txn))
    txn:add(adapters.connections.new(txn))
    self.fibers = txn:add(adapters.fibers.new(txn))
    -- Also warn if a loop of the main script ends during the reload, unless roles or
    -- destructors may have ended it on purpose.
    if not self.framework.has_roles and self.reloader == nil then
        self.fibers:watch_main()
    end
    self.endings = txn:add(adapters.endings.new(txn, function(id)
        self.fibers:note_cancelled(id)
    end))
end

--- Takes the census, the record of what new code has registered with libraries. Yields.
function Pipeline:take_census()
    local txn = self.txn
    self.fibers:before_commit()
    if txn.args.stale == 'report' or scan.refusal() ~= nil then
        return
    end
    local ok, result = pcall(census.take, {
        stash = txn.stash,
        is_new = function(f)
            return txn.ownership:is_new(f)
        end,
        deadline = txn.deadline,
        limit = scan.limit(),
    })
    fiber.testcancel()
    if not ok then
        log.error('cartridge-reload: failed to list registrations: %s', tostring(result))
        result = census.new()
    end
    if not result.is_complete then
        table.insert(txn.warnings, 'the search for duplicate callbacks is incomplete: '
            .. 'a library may call some of them twice')
    end
    if self.framework.has_roles then
        result.named = self.sweep:list_named(result.kept)
    end
    self.census = result
end

--- Runs all phases from load to commit, and the steps right after the commit. Yields.
function Pipeline:run()
    local txn = self.txn
    txn:enter('load')
    self.old_code:record()
    txn.runs_main = self.choice.main ~= nil
    self.old_code:survey()
    self.old_code:list()
    self.sweep:remember()
    self:add_adapters()
    self.fibers:remember_loops()
    self:load()
    self.old_code:disown_shared(self.modules)
    if self.framework.has_roles then
        self.life:register()
        txn:enter('validate')
        self.life:validate()
        self.life:start()
    end
    self.http_files:load(self.http_servers)
    self:match()
    self:take_census()
    -- Yield now, because the commit must not yield and needs a full time slice.
    yield.if_due(0)
    if self.framework.has_roles then
        -- Once `catch_up_with_config` has returned false, the new roles have the current
        -- config, and nothing may yield until the commit.
        while self.life:catch_up_with_config() do
            self:take_census()
        end
        self.life:before_commit()
    end
    self.process:check()
    txn:commit()
    self.sweep:forget()
    if self.framework.has_roles then
        self.life:after_commit()
    end
end

--- Completes a rollback after the adapters have restored what they protect. Removes
-- failed code that is still registered somewhere, and restarts old roles. Yields.
-- @tparam table rollback lists of lines {undone, left, doubts} to append to, see
--   `transaction`
function Pipeline:after_failure(rollback)
    local fibers = {}
    if self.fibers ~= nil then
        self.fibers:check_left(rollback.left)
        fibers = self.fibers:list_started()
    end
    -- Remove failed code first, so that the old roles restart in the state that preceded
    -- the reload.
    self.sweep:run(rollback, fibers, SWEEP_PART)
    if self.life ~= nil and #self.life:roles_to_restart() > 0 then
        self.sweep:prepare()
        self.life:restart_old_roles(rollback.left)
        self.sweep:merge(rollback)
    end
    if self.fibers ~= nil then
        self.fibers:report_ended(self.txn.warnings, rollback.left)
    end
end

--- Calls the destructors that old code has registered with the `package.reload` rock.
-- They have the same purpose as the `stop` of a role, and are called in the same way.
-- Yields.
function Pipeline:call_destructors()
    local txn = self.txn
    if self.reloader == nil or txn.args.no_stop then
        return
    end
    self.life.role_stop:stop(self.reloader.destructors, function(destructor)
        local f, arguments = destructor.f, destructor.arguments
        for _, adapter in ipairs({self.http_servers, self.listeners}) do
            f = adapter:guarded(f, arguments[1])
        end
        local ok, err = failure.call(f, unpack(arguments, 1, table.maxn(arguments)))
        yield.reset()
        if not ok then
            local text = ('a destructor registered with package.reload failed: %s'):format(failure.describe(err))
            log.error('cartridge-reload: %s', text)
            table.insert(txn.warnings, text)
        end
    end)
end

--- Ends what adapters have been doing for old code since the commit, such as giving it a
-- separate view of modules. Must be called after the old roles have stopped. A second call
-- does nothing.
function Pipeline:close()
    self.life:finish()
    self.http_files:settle()
    self.http_servers:settle()
    self.listeners:settle()
    self.watchers:settle()
    self.modules:settle()
end

--- Ends the old code: waits for the requests that it is handling, stops the old roles,
-- and ends or reports the remaining background loops. Does nothing if the old code has
-- already been ended. Yields.
-- @tparam ?number patience maximum time to wait for the requests, in seconds. After
--   that, the roles are stopped anyway. If `patience` is 0, the function does not wait: if
--   a request is still running, the function stops no role and returns false.
-- @treturn boolean whether this call has ended the old code
function Pipeline:end_old(patience)
    if not self.is_over then
        self.http_files:settle()
        -- End the fibers, such as timers, in which libraries call old code. This must
        -- happen before the scan patches the callbacks: a patched timer would repeat
        -- the work of the timer that new code has started.
        self.fibers:end_carriers()
    end
    if self.is_over or not self.fibers:wait_for_requests(patience) and patience == 0 then
        return false
    end
    self.is_over = true
    self.life.role_stop:protect(stop_guard.new({
        edges = self.census and self.census.edges or {},
        entries = self.census and self.census.named or {},
        is_new_fiber = function(id)
            return self.fibers:is_new(id)
        end,
        is_stopping = function()
            return self.txn.ownership:is_stopping()
        end,
    }))
    self.endings:settle()
    self.txn:run_after(function()
        self.life:stop_old()
        self:call_destructors()
    end)
    self:close()
    local problem = self.fibers:finish()
    if problem ~= nil then
        table.insert(self.txn.warnings, problem)
    end
    return true
end

return {new = new}
