--- The life cycle of roles in a reload: the new ones are validated, started and
-- given the config, the old ones are stopped, and started again after a
-- failure. Which roles there are is up to the framework.

local require = ...
local failure = require('core.failure')
local fiber = require('fiber')
local log = require('log')
local slice = require('core.yield')

-- How often the new roles get a config that changed while they were applying
-- the one before.
local CONFIG_TRIES = 10
-- Seconds that the old roles have to start again after a failure.
local REVIVE = 10

local Lifecycle = {}
Lifecycle.__index = Lifecycle

--- @tparam table txn the transaction
-- @tparam table framework see `frameworks.detect`
-- @tparam table modules the adapter of modules
-- @tparam table adapters name -> module of an adapter
local function new(txn, framework, modules, adapters)
    return setmetatable({
        txn = txn,
        framework = framework,
        modules = modules,
        adapters = adapters,
        roles = {},     -- role name -> its entry in the report
        order = {},     -- the same entries in order
        starting = {},  -- new roles that have work to do
        stopped = {},   -- old roles whose stop was called
        is_stopped = {},
    }, Lifecycle)
end

--- The function of a role for a step, nil if it has none.
function Lifecycle:method(role, step)
    local f = role.M[self.framework.methods[step]]
    return type(f) == 'function' and f or nil
end

--- Calls a function of a role; what it throws, and `nil, err`, is a failure.
-- @tparam table role
-- @tparam string step
-- @tparam table fail fields of the failure: code, phase
-- @treturn what the function returned first
function Lifecycle:call(role, step, fail)
    local txn = self.txn
    txn:check()
    txn.role, txn.module = role.role_name, role.module_name
    local ok, result, err = txn:call(self:method(role, step), self.framework:arguments(step))
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

--- Calls a function of a role whose failure does not end the reload, as in
-- Cartridge: it goes into the log and into the warnings.
function Lifecycle:call_leniently(role, step)
    local f = self:method(role, step)
    if f == nil then
        return
    end
    local ok, result, err = failure.call(f, self.framework:arguments(step))
    slice.restart()
    local problem = not ok and result or err
    if problem ~= nil then
        local text = ('%s of role %s: %s')
            :format(self.framework.methods[step], role.role_name, failure.describe(problem))
        log.error('cartridge-reload: %s', text)
        table.insert(self.txn.warnings, text)
    end
end

--- Registers the new roles and decides which of them have work to do.
function Lifecycle:register()
    self.old, self.new = self.framework:register()
    self:choose()
end

--- Decides, by the active config, which roles are to start and which are not to
-- run any more. Called again when the config has changed meanwhile.
function Lifecycle:choose()
    local framework = self.framework
    self.config = framework:config()
    framework:check_removed(self.old, self.new)
    self.old_enabled = framework:enabled(self.old)
    self.new_enabled = framework:enabled(self.new)
    self.starting = {}
    for _, role in ipairs(self.new.by_number) do
        local name = role.role_name
        local was_enabled = self.old_enabled[name] or false
        local enabled = self.new_enabled[name] or false
        local reloaded = framework:is_reloaded(role)
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
                -- Hide roles from new code until they are initialised.
                framework:offer(name, nil)
            end
        elseif not enabled and self.roles[name] ~= nil then
            if self.roles[name].initialized then
                self.roles[name].initialized = false
                self:call_leniently(role, 'stop')
            end
            framework:offer(name, nil)
        end
    end
end

function Lifecycle:validate()
    local fail = {code = 'validate_failed', phase = 'validate'}
    for _, role in ipairs(self.starting) do
        if self:method(role, 'validate') ~= nil then
            if not self:call(role, 'validate', fail) then
                failure.raise({
                    code = fail.code,
                    phase = fail.phase,
                    role = role.role_name,
                    module = role.module_name,
                    message = ('%s did not return true'):format(self.framework.methods.validate),
                })
            end
        end
        self.roles[role.role_name].validated = true
    end
end

--- Whether an old role has to stop: because its code is replaced, or because
-- it is not enabled any more.
function Lifecycle:must_stop(role)
    local name = role.role_name
    return self:method(role, 'stop') ~= nil and not self.is_stopped[name]
        and self.framework:serving(name) ~= nil
        and (self.modules:is_staged(role.module_name) or self.modules.gone[role.module_name] ~= nil
            or not self.new_enabled[name])
end

--- Stops the old roles, the dependent ones first. They still serve.
function Lifecycle:stop()
    for i = #self.old.by_number, 1, -1 do
        local role = self.old.by_number[i]
        if self:must_stop(role) then
            self.txn:check()
            table.insert(self.stopped, 1, role)
            self.is_stopped[role.role_name] = true
            self.txn.origin:call_old(self.call_leniently, self, role, 'stop')
            if self.roles[role.role_name] ~= nil then
                self.roles[role.role_name].stopped = true
            end
        end
    end
end

function Lifecycle:initialize()
    for _, role in ipairs(self.starting) do
        if not self.roles[role.role_name].initialized then
            if self:method(role, 'init') ~= nil then
                self:call(role, 'init', {code = 'init_failed', phase = 'init'})
            end
            self.roles[role.role_name].initialized = true
            self.framework:offer(role.role_name, role.M)
        end
    end
end

--- Gives the new roles the active config.
function Lifecycle:apply()
    self.is_master = self.framework:is_master()
    for _, role in ipairs(self.starting) do
        self:call_leniently(role, 'before_apply')
    end
    for _, role in ipairs(self.starting) do
        if self:method(role, 'apply') ~= nil then
            self:call(role, 'apply', {code = 'apply_failed', phase = 'apply'})
        end
        self.roles[role.role_name].applied = true
    end
end

--- Stops the old roles, and starts the new ones with the active config.
function Lifecycle:start()
    self.txn:enter('init')
    if not self.txn.args.no_stop then
        self:stop()
    end
    self:initialize()
    self.txn:enter('apply')
    self:apply()
end

--- Waits until nobody else is changing the config.
function Lifecycle:wait_for_others()
    while true do
        local refused = self.framework:refusal()
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
function Lifecycle:settle()
    for _ = 1, CONFIG_TRIES do
        self:wait_for_others()
        if self.config == self.framework:config() and self.is_master == self.framework:is_master() then
            return
        end
        self:choose()
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
function Lifecycle:after_commit()
    for _, role in ipairs(self.starting) do
        self:call_leniently(role, 'after_commit')
    end
end

--- Starts the old roles again that were stopped, after a failure. Their routes
-- and triggers were there all the time; what they register now takes the
-- places of the same ones, as it goes with the state they have now.
-- @tparam {string,...} left gets what could not be started
function Lifecycle:revive(left)
    if #self.stopped == 0 then
        return
    end
    local txn, framework = self.txn, self.framework
    local parts = {self.adapters.triggers.new(txn), self.adapters.fibers.new(txn)}
    framework:restage()
    if framework.http ~= nil then
        table.insert(parts, self.adapters.http.new(txn, framework.http.live))
    end
    for _, part in ipairs(parts) do
        part:snapshot()
        part:stage()
        if part.stand_in ~= nil then
            framework:offer('httpd', part.stand_in)
        end
    end

    local finished, done = fiber.cond(), false
    local worker = fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        txn.origin:enter()
        txn.origin.calls_old = true
        txn.staging = true
        for _, role in ipairs(self.stopped) do
            for _, step in ipairs({'init', 'apply'}) do
                local f = self:method(role, step)
                if f ~= nil then
                    local ok, result, err = failure.call(f, framework:arguments(step))
                    local problem = not ok and result or err
                    if problem ~= nil then
                        table.insert(left, ('role %s was stopped, and its %s failed: %s')
                            :format(role.role_name, framework.methods[step], failure.describe(problem)))
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
    framework:unstage()
end

return {new = new}
