--- The staged reload: what is done, in which order.
--
--	compile   every file is read and compiled; nothing has changed so far
--	load      the modules run, beside the serving ones; the roles register
--	validate  the new roles look at the active config
--	init      the old roles stop, the new ones initialise
--	apply     the new roles get the config
--	commit    the new generation takes over, in one step
--
-- Every failure before the commit leaves the old generation serving.

local require = ...
local cartridge_lib = require('platform.cartridge')
local catalog = require('reload.catalog')
local counterparts = require('scan.counterparts')
local failure = require('core.failure')
local ffi_adapter = require('adapters.ffi')
local fiber = require('fiber')
local fibers_adapter = require('adapters.fibers')
local globals_adapter = require('adapters.globals')
local http_adapter = require('adapters.http')
local log = require('log')
local modules_adapter = require('adapters.modules')
local roles_adapter = require('adapters.roles')
local roles_lib = require('platform.roles')
local schema_adapter = require('adapters.schema')
local slice = require('core.yield')
local sockets_adapter = require('adapters.sockets')
local triggers_adapter = require('adapters.triggers')
local vars_adapter = require('adapters.vars')

-- How often the new roles get a config that changed while they were applying
-- the one before.
local CONFIG_TRIES = 10
-- Seconds that the old roles have to start again after a failure.
local REVIVE = 10

--- Reads and compiles the chosen modules.
-- @tparam table choice as `modules.choose` made it
-- @tparam table registry of the instance
-- @treturn {table,...} what is wrong: {module, path, message}
local function compile_all(choice, registry)
    local problems = {}
    for _, module in ipairs(choice.selected) do
        slice.pause()
        local ok, err = catalog.compile(module, registry)
        if not ok then
            table.insert(problems, {module = module.name, path = module.path, message = err})
        end
    end
    return problems
end

--- Whether nothing changed on disk since the serving generation was loaded.
local function is_unchanged(choice)
    for _, module in ipairs(choice.selected) do
        if module.changed ~= false then
            return false
        end
    end
    return #choice.gone == 0
end

--- Why a choice of modules is nothing that can be reloaded.
-- @tparam table choice
-- @tparam table args
-- @treturn ?table failure fields, nil if it can
local function refusal(choice, args)
    local gone = choice.gone[1]
    if #choice.selected == 0 and gone ~= nil and #(args.modules or {}) == 0 then
        -- Whoever wants this names them. It is a directory that was moved, and
        -- code that requires its modules when it runs must go on finding them.
        return {
            code = 'no_modules',
            phase = 'compile',
            message = ('no application module has a file any more: %s'):format(gone.path),
        }
    elseif #choice.selected == 0 and gone == nil then
        return {
            code = 'no_modules',
            phase = 'compile',
            message = 'no application module is loaded that the options select',
        }
    end
    return nil
end

local Staged = {}
Staged.__index = Staged

--- @tparam table txn the transaction
-- @tparam table choice compiled modules
local function new(txn, choice)
    return setmetatable({
        txn = txn,
        choice = choice,
        cartridge = cartridge_lib.detect(),
        former = {},    -- module name -> path of the file that it had before
        roles = {},     -- role name -> its entry in the report
        order = {},     -- the same entries in order
        starting = {},  -- new roles that have work to do
        stopped = {},   -- old roles whose stop was called
        is_stopped = {},
    }, Staged)
end

local function has(role, method)
    return type(role.M[method]) == 'function'
end

--- Calls a function of a role; what it throws, and `nil, err`, is a failure.
-- @tparam table role
-- @tparam string method
-- @tparam table fail fields of the failure: code, phase
-- @treturn what the function returned first
function Staged:call(role, method, fail, ...)
    local txn = self.txn
    txn:check()
    txn.role, txn.module = role.role_name, role.module_name
    local ok, result, err = txn:call(role.M[method], ...)
    slice.restart()
    local fields = {
        code = fail.code,
        phase = fail.phase,
        role = role.role_name,
        module = role.module_name,
    }
    if not ok then
        failure.raise(failure.from(result, fields, err))
    elseif err ~= nil then
        failure.raise(failure.from(err, fields))
    end
    txn:check()
    txn.role, txn.module = nil, nil
    return result
end

--- Calls a function of a role whose failure is nobody's reason to stop, as in
-- Cartridge: it goes into the log and into the warnings.
function Staged:call_leniently(role, method, ...)
    local ok, result, err = failure.call(role.M[method], ...)
    slice.restart()
    local problem = not ok and result or err
    if problem ~= nil then
        local text = ('%s of role %s: %s'):format(method, role.role_name, failure.describe(problem))
        log.error('cartridge-reload: %s', text)
        table.insert(self.txn.warnings, text)
    end
end

--- Registers the new roles and decides which of them have work to do.
function Staged:register()
    self.old = roles_lib.registered()
    self.new = self.roles_adapter:register()
    self:choose_roles()
end

--- Decides, by the active config, which roles are to start and which are not to
-- run any more. Called again when the config has changed meanwhile.
function Staged:choose_roles()
    self.conf = self.cartridge:active_config()
    local conf = self.cartridge:config_tables()
    self:check_removed(conf)
    self.old_enabled = roles_lib.enabled(self.old, conf)
    self.new_enabled = roles_lib.enabled(self.new, conf)
    self.starting = {}
    for _, role in ipairs(self.new.by_number) do
        local name = role.role_name
        local was_enabled = self.old_enabled[name] or false
        local enabled = self.new_enabled[name] or false
        local reloaded = self.roles_adapter:is_reloaded(role)
        if (reloaded or enabled ~= was_enabled) and self.roles[name] == nil then
            self.roles[name] = {
                name = name,
                module = role.module_name,
                stopped = false,
                validated = false,
                initialized = false,
                applied = false,
            }
            table.insert(self.order, self.roles[name])
        end
        if self.roles[name] ~= nil then
            self.roles[name].enabled = enabled
        end
        -- A role of a rock starts if a new dependency has enabled it.
        if enabled and (reloaded or not was_enabled) then
            table.insert(self.starting, role)
            if not self.roles[name].initialized then
                -- New code finds no role that it has not initialised so far.
                self.roles_adapter:offer(name, nil)
            end
        elseif not enabled and self.roles[name] ~= nil then
            if self.roles[name].initialized then
                self.roles[name].initialized = false
                if has(role, 'stop') then
                    self:call_leniently(role, 'stop', {is_master = self.cartridge:is_master()})
                end
            end
            self.roles_adapter:offer(name, nil)
        end
    end
end

--- A role that the topology enables must not vanish: after a restart Cartridge
-- would know nothing of it, and the config would not validate.
function Staged:check_removed(conf)
    for _, replicaset in pairs((conf.topology or {}).replicasets or {}) do
        for role_name, enabled in pairs(replicaset.roles or {}) do
            if enabled and self.old.by_role_name[role_name] ~= nil
            and self.new.by_role_name[role_name] == nil then
                failure.raise({
                    outcome = 'refused',
                    code = 'role_removed',
                    phase = 'load',
                    role = role_name,
                    module = self.old.by_role_name[role_name].module_name,
                    message = ('role %q is enabled in the cluster but the new code does not have it')
                        :format(role_name),
                })
            end
        end
    end
end

function Staged:validate()
    local conf = self.cartridge:config_tables()
    for _, role in ipairs(self.starting) do
        if has(role, 'validate_config') then
            local fail = {code = 'validate_failed', phase = 'validate'}
            if not self:call(role, 'validate_config', fail, conf, conf) then
                failure.raise({
                    code = fail.code,
                    phase = fail.phase,
                    role = role.role_name,
                    module = role.module_name,
                    message = 'validate_config did not return true',
                })
            end
        end
        self.roles[role.role_name].validated = true
    end
end

--- Whether an old role has to stop: because its code is replaced, or because
-- it is not enabled any more.
function Staged:must_stop(role)
    local name = role.role_name
    return has(role, 'stop') and not self.is_stopped[name] and self.roles_adapter:serving(name) ~= nil
        and (self.modules:is_staged(role.module_name) or self.modules.gone[role.module_name] ~= nil
            or not self.new_enabled[name])
end

--- Stops the old roles, the dependent ones first. They still serve.
function Staged:stop()
    local opts = {is_master = self.cartridge:is_master()}
    for i = #self.old.by_number, 1, -1 do
        local role = self.old.by_number[i]
        if self:must_stop(role) then
            self.txn:check()
            table.insert(self.stopped, 1, role)
            self.is_stopped[role.role_name] = true
            self.txn.origin:call_old(self.call_leniently, self, role, 'stop', opts)
            if self.roles[role.role_name] ~= nil then
                self.roles[role.role_name].stopped = true
            end
        end
    end
end

--- Starts the old roles again that were stopped, after a failure. Their routes
-- and triggers were there all the time; what they register now takes the
-- places of the same ones, as it goes with the state they have now.
-- @tparam {string,...} left gets what could not be started
function Staged:revive(left)
    if #self.stopped == 0 then
        return
    end
    local txn = self.txn
    local parts = {triggers_adapter.new(txn), fibers_adapter.new(txn)}
    self.roles_adapter:stage()
    if self.http ~= nil then
        table.insert(parts, http_adapter.new(txn, self.http.live))
    end
    for _, part in ipairs(parts) do
        part:snapshot()
        part:stage()
        if part.stand_in ~= nil then
            self.roles_adapter:offer('httpd', part.stand_in)
        end
    end

    local finished, done = fiber.cond(), false
    local worker = fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        txn.origin:enter()
        txn.origin.calls_old = true
        txn.staging = true
        local opts = {is_master = self.cartridge:is_master()}
        for _, role in ipairs(self.stopped) do
            for _, method in ipairs({'init', 'apply_config'}) do
                if has(role, method) then
                    local ok, result, err
                    if method == 'init' then
                        ok, result, err = failure.call(role.M.init, opts)
                    else
                        ok, result, err = failure.call(role.M.apply_config, self.cartridge:config_tables(), opts)
                    end
                    local problem = not ok and result or err
                    if problem ~= nil then
                        table.insert(left, ('role %s was stopped, and its %s failed: %s')
                            :format(role.role_name, method, failure.describe(problem)))
                    end
                end
            end
        end
        done = true
        finished:broadcast()
    end)
    local deadline = fiber.clock() + REVIVE
    while not done and fiber.clock() < deadline do
        finished:wait(deadline - fiber.clock())
    end
    if not done then
        pcall(worker.cancel, worker)
        table.insert(left, 'the old roles were stopped and did not start again in time')
    end
    txn.staging = false
    for _, part in ipairs(parts) do
        part:revive()
    end
    self.roles_adapter:unstage()
end

function Staged:initialize()
    local opts = {is_master = self.cartridge:is_master()}
    for _, role in ipairs(self.starting) do
        if not self.roles[role.role_name].initialized then
            if has(role, 'init') then
                self:call(role, 'init', {code = 'init_failed', phase = 'init'}, opts)
            end
            self.roles[role.role_name].initialized = true
            self.roles_adapter:offer(role.role_name, role.M)
        end
    end
end

--- Gives the new roles the active config.
function Staged:apply()
    self.is_master = self.cartridge:is_master()
    local conf = self.cartridge:config_tables()
    for _, role in ipairs(self.starting) do
        if has(role, 'before_apply_config') then
            self:call_leniently(role, 'before_apply_config', conf)
        end
    end
    for _, role in ipairs(self.starting) do
        if has(role, 'apply_config') then
            self:call(role, 'apply_config', {code = 'apply_failed', phase = 'apply'},
                conf, {is_master = self.is_master})
        end
        self.roles[role.role_name].applied = true
    end
end

--- Stops the old roles, and starts the new ones with the active config.
function Staged:start()
    self.txn:enter('init')
    if not self.txn.args.no_stop then
        self:stop()
    end
    self:initialize()
    self.txn:enter('apply')
    self:apply()
end

--- Waits until nobody else is changing the config.
function Staged:wait_for_others()
    while true do
        local refused = self.cartridge:refusal()
        if refused == nil then
            return
        elseif not refused.transient then
            refused.phase = 'apply'
            failure.raise(refused)
        end
        fiber.sleep(0.01)
        self.txn:check()
    end
end

--- Brings the new roles up to the config and the leadership of this moment.
-- Returns in the same slice in which it saw that they are.
function Staged:settle()
    for _ = 1, CONFIG_TRIES do
        self:wait_for_others()
        if self.conf == self.cartridge:active_config() and self.is_master == self.cartridge:is_master() then
            return
        end
        self:choose_roles()
        self.txn:enter('validate')
        self:validate()
        self:start()
    end
    failure.raise({
        code = 'config_changing',
        phase = 'apply',
        transient = true,
        message = ('the cluster-wide config changed %d times while it was being applied'):format(CONFIG_TRIES),
    })
end

--- Tells the roles that all of them are configured, after the commit.
function Staged:on_apply()
    for _, role in ipairs(self.starting) do
        if has(role, 'on_apply_config') then
            self:call_leniently(role, 'on_apply_config', self.cartridge:config_tables(), 'RolesConfigured')
        end
    end
end

--- Loads every module, those of roles first, as they come first at start.
function Staged:load()
    local first = {}
    for _, name in ipairs(self.cartridge and roles_lib.role_modules() or {}) do
        if self.modules.by_name[name] ~= nil then
            table.insert(first, name)
        end
    end
    local ok, err = self.txn:call(self.modules.load_all, self.modules, first)
    if not ok then
        error(err, 0)
    end
end

--- Says what in the new code stands for what in the old.
function Staged:match()
    local paths, gone = {}, {}
    for _, list in ipairs({self.choice.selected, self.modules.added}) do
        for _, module in ipairs(list) do
            paths[module.name] = module.path
        end
    end
    for _, module in ipairs(self.choice.gone) do
        gone[module.name] = module.path
    end
    local view, new_values = self.modules.view, {}
    for name in pairs(paths) do
        new_values[name] = view:find(name)
    end
    self.txn.counterparts = counterparts.new(self.txn.registry, {
        origin = self.txn.origin,
        old = self.modules.before,
        new = new_values,
        paths = paths,
        former = self.former,
        gone = gone,
    })
end

--- Puts the adapters in place. No new code has run so far.
function Staged:add_adapters()
    local txn = self.txn
    self.modules = txn:add(modules_adapter.new(txn, self.choice))
    txn:add(globals_adapter.new(txn, self.modules))
    if self.cartridge ~= nil then
        txn:add(vars_adapter.new(txn, self.modules))
        self.roles_adapter = txn:add(roles_adapter.new(txn, self.cartridge, self.modules))
        local httpd = self.cartridge.services().httpd
        if type(httpd) == 'table' and type(httpd.routes) == 'table' then
            self.http = txn:add(http_adapter.new(txn, httpd))
            self.roles_adapter:offer('httpd', self.http.stand_in)
        end
    end
    txn:add(schema_adapter.new(txn))
    txn:add(triggers_adapter.new(txn))
    txn:add(ffi_adapter.new(txn))
    txn:add(sockets_adapter.new(txn))
    self.fibers = txn:add(fibers_adapter.new(txn))
end

--- The work of the transaction, with or without Cartridge.
function Staged:work()
    local txn = self.txn
    txn:enter('load')
    for _, module in ipairs(self.choice.selected) do
        txn.origin:record(module.chunk, module.path)
        local former = catalog.former_file(module, package.loaded[module.name], txn.registry)
        if former ~= nil then
            txn.origin:forget(former)
            self.former[module.name] = former
        end
    end
    for _, module in ipairs(self.choice.gone) do
        txn.origin:forget(module.path)
    end
    self:add_adapters()
    self:load()
    self:match()
    if self.cartridge ~= nil then
        self:register()
        txn:enter('validate')
        self:validate()
        self:start()
        self:settle()
    end
    txn:commit()
    if self.cartridge ~= nil then
        self:on_apply()
    end
end

--- What follows a failure, when the transaction has rolled back. Yields.
-- @tparam table rollback of the failure
function Staged:after_failure(rollback)
    if self.fibers ~= nil then
        self.fibers:check_left(rollback.left)
    end
    self:revive(rollback.left)
end

--- What follows the commit: the new code serves already. Yields.
function Staged:after_commit()
    local err = self.fibers:finish()
    if err ~= nil then
        table.insert(self.txn.warnings, err)
    end
end

return {
    compile_all = compile_all,
    is_unchanged = is_unchanged,
    new = new,
    refusal = refusal,
}
