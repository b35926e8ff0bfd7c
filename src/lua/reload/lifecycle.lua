--- Manages the life cycle of roles in a reload. Validates, initialises and configures
-- the new roles, and stops the old ones. Restarts old roles if the reload fails. The
-- framework determines which modules are roles.

local require = ...
local failure = require('core.failure')
local fiber = require('fiber')
local log = require('log')
local role_stop = require('reload.role_stop')
local restart_roles = require('reload.role_restart')
local yield = require('core.yield')

-- Maximum number of attempts to apply the config. An attempt is repeated if the config
-- changes while it is being applied.
local CONFIG_TRIES = 10
-- Time limit for restarting the old roles after a failed reload, in seconds.
local RESTART = 10
-- Maximum share of the remaining time that restarting the old roles may take.
local RESTART_PART = 0.8

local Lifecycle = {}
Lifecycle.__index = Lifecycle

--- Creates the object that manages all roles in a reload. Calls none of their functions yet.
-- @tparam table txn the transaction
-- @tparam table framework see `frameworks.detect`
-- @tparam table modules the `modules` adapter of this transaction
-- @tparam table adapters name -> Lua module of an adapter
-- @tparam table servers the `http_servers` adapter of this transaction
local function new(txn, framework, modules, adapters, servers)
    return setmetatable({
        txn = txn,
        framework = framework,
        modules = modules,
        adapters = adapters,
        servers = servers,
        roles = {},     -- role name -> its entry in the report
        order = {},     -- the same entries, in the order of their addition
        starting = {},  -- new roles that have work to do
        initialized = {},   -- set of the names of new roles that are initialised
        called = {},    -- role name -> whether `init` or `apply` of the new role was called
        stopped = {},   -- role name -> old role whose stop was called
        disabled = {},  -- role name -> functions that `stop_early` has replaced
        stopping = {},  -- old roles to stop after the commit
        on_early_stop = function() end,     -- called when an old role was stopped before the commit
        role_stop = role_stop.new(txn, framework, adapters, servers),
    }, Lifecycle)
end

--- Returns a role's function for a step such as `init`, or nil if the role has none.
function Lifecycle:method(role, step)
    local name = self.framework.methods[step]
    local f = name and role.M[name]
    return type(f) == 'function' and f or nil
end

--- Calls a role's function for a step such as `init`. Raises a failure if the function
-- throws an error, or returns one as its second value.
-- @tparam table role
-- @tparam string step
-- @tparam table fail error code and phase of the failure to raise: {code, phase}
-- @return the first value that the function returned
function Lifecycle:call(role, step, fail)
    local txn = self.txn
    txn:check()
    txn.role, txn.module = role.role_name, role.module_name
    txn:tell(step, role.role_name)
    local ok, result, err = txn:call(self:method(role, step), self.framework:arguments(step, role))
    yield.reset()
    local fields = {
        code = fail.code,
        phase = fail.phase,
        role = role.role_name,
        module = role.module_name,
    }
    if not ok then
        failure.raise(failure.from(result, fields, err))
    elseif err ~= nil and not self.framework.ignores_results then
        failure.raise(failure.from(err, fields))
    end
    txn:check()
    txn.role, txn.module = nil, nil
    txn:tell(txn.phase)
    return result
end

--- Calls a role's function for a step such as `stop`, if the role has one. As in
-- Cartridge, an error does not end the reload, but is logged and reported as a warning.
function Lifecycle:call_leniently(role, step)
    local f = self:method(role, step)
    if f == nil then
        return
    end
    self.txn:tell(step == 'after_commit' and 'commit' or step, role.role_name)
    local ok, result, err = failure.call(f, self.framework:arguments(step, role))
    yield.reset()
    local problem = not ok and result or not self.framework.ignores_results and err or nil
    if problem ~= nil then
        local text = ('role %s: %s failed: %s')
            :format(role.role_name, self.framework.methods[step], failure.describe(problem))
        log.error('cartridge-reload: %s', text)
        table.insert(self.txn.warnings, text)
    end
end

--- Registers the new roles with the framework, and determines which of them to start.
function Lifecycle:register()
    self.old, self.new = self.framework:register()
    self:choose()
end

--- Determines from the active config which roles to start, and which are no longer
-- enabled. Must be called again after each config change.
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
        -- A role that is not reloaded, such as a role from a rock, starts only if the
        -- reload enables it, for example because a new role depends on it.
        if enabled and (reloaded or not was_enabled) then
            table.insert(self.starting, role)
            if not self.initialized[name] then
                -- Hide the role from new code until the role is initialised.
                framework:offer(name, nil)
            end
        elseif not enabled and self.roles[name] ~= nil then
            if self.initialized[name] then
                self.initialized[name], self.roles[name].initialized = nil, false
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
            local is_valid = self:call(role, 'validate', fail)
            if not is_valid and not self.framework.ignores_results then
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

--- Returns whether the `stop` of an old role must be called: the role's code is replaced
-- or removed, or the role is no longer enabled. Returns false if the role has no `stop`,
-- was already stopped, or is not in service.
function Lifecycle:must_stop(role)
    local name = role.role_name
    return self:method(role, 'stop') ~= nil and self.stopped[name] == nil
        and self.framework:serving(name) ~= nil
        and (self.modules:is_staged(role.module_name) or self.modules.gone[role.module_name] ~= nil
            or not self.new_enabled[name])
end

--- Chooses the old roles to stop after the commit. The caller must not yield between
-- this call and the commit.
function Lifecycle:before_commit()
    self.stopping = {}
    for i = #self.old.by_number, 1, -1 do
        local role = self.old.by_number[i]
        if not self.txn.args.no_stop and self:must_stop(role) then
            table.insert(self.stopping, role)
        end
    end
end

--- Calls the `stop` functions of old roles. Yields.
-- @tparam {table,...} roles in the order in which they stop: each before the roles on
--   which it depends
function Lifecycle:stop(roles)
    self.role_stop:stop(roles, function(role)
        self.stopped[role.role_name] = role
        self:call_leniently(role, 'stop')
        if self.roles[role.role_name] ~= nil then
            self.roles[role.role_name].stopped = true
        end
    end)
end

-- Words in an error message that suggest that a resource such as a port is already in
-- use. The message is the only clue, because application errors have no error codes.
local CONFLICTS = {'in use', 'already', 'exists', 'duplicate', 'busy', 'taken', 'eaddrinuse', 'locked'}

--- Finds the old role that probably prevents a new role from starting, for example
-- because both use the same port.
-- @tparam table role the new role
-- @tparam table err the failure of the new role's `init` or `apply`
-- @treturn ?table the old role of the same name; nil if the failure has another cause,
--   or if the old role must not be stopped
function Lifecycle:find_holder(role, err)
    local old = self.old.by_role_name[role.role_name]
    if self.txn.args.no_stop or old == nil or not self:must_stop(old)
        or (err.code ~= 'init_failed' and err.code ~= 'apply_failed') then
        return nil
    elseif self.txn:has_met_conflict() then
        return old
    end
    for _, word in ipairs(CONFLICTS) do
        if err.message:lower():find(word, 1, true) then
            return old
        end
    end
    return nil
end

--- Stops an old role before the commit, because the new role cannot start while the old
-- one is running. Also puts empty functions in place of the old role's handlers of config
-- changes, because a config change must not affect the stopped role. If the reload fails,
-- `restart_old_roles` restores the original functions.
-- @tparam table role the old role
-- @tparam string why message of the error with which the new role failed to start
function Lifecycle:stop_early(role, why)
    local methods = self.framework.methods
    self.disabled[role.role_name] = {}
    for _, step in ipairs({'before_apply', 'apply', 'after_commit'}) do
        local name = methods[step]
        if self:method(role, step) ~= nil then
            self.disabled[role.role_name][name] = rawget(role.M, name)
            rawset(role.M, name, function() end)
        end
    end
    table.insert(self.txn.warnings, ('the old role %s was stopped before the commit because the new one could not '
        .. 'start beside it: %s'):format(role.role_name, why))
    self:stop({role})
    self.on_early_stop()
end

--- Calls the `init` or `apply` of a new role. If the call fails because the old role
-- holds a resource that the new role needs, stops the old role and repeats the call.
function Lifecycle:call_start(role, step, fail)
    local take_back = self.txn:mark()
    local ok, err = failure.call(self.call, self, role, step, fail)
    if ok then
        return
    end
    local old = failure.is(err) and self:find_holder(role, err)
    if not old then
        error(err, 0)
    end
    take_back()
    self:stop_early(old, err.message)
    self:call(role, step, fail)
end

function Lifecycle:initialize()
    for _, role in ipairs(self.starting) do
        if not self.initialized[role.role_name] then
            if self:method(role, 'init') ~= nil then
                self.called[role.role_name] = true
                self:call_start(role, 'init', {code = 'init_failed', phase = 'init'})
            end
            self.initialized[role.role_name] = true
            self.roles[role.role_name].initialized = self.framework.methods.init ~= nil
            self.framework:offer(role.role_name, role.M)
        end
    end
end

--- Applies the active config to the new roles.
function Lifecycle:apply()
    self.is_master = self.framework:is_master()
    for _, role in ipairs(self.starting) do
        self:call_leniently(role, 'before_apply')
    end
    for _, role in ipairs(self.starting) do
        if self:method(role, 'apply') ~= nil then
            self.called[role.role_name] = true
            self:call_start(role, 'apply', {code = 'apply_failed', phase = 'apply'})
        end
        self.roles[role.role_name].applied = true
    end
end

--- Initialises the new roles and applies the active config to them, while the old roles
-- are serving.
function Lifecycle:start()
    self.txn:enter('init')
    self:initialize()
    self.txn:enter('apply')
    self:apply()
end

--- Waits until no config change is in progress. Throws if the framework refuses the
-- reload for a reason that will not go away. May yield.
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

--- Suspends the delivery of framework events to roles until `after_commit`. If an event
-- is being delivered, waits a moment and returns false. Does nothing if the framework
-- has no events.
-- @treturn boolean true if no event can reach the roles. In that case, this function
--   has not yielded.
function Lifecycle:hold()
    if self.framework.hold == nil or self.framework:hold() then
        return true
    end
    fiber.sleep(0.01)
    self.txn:check()
    return false
end

--- Starts the new roles again if the config has changed, or if this instance has gained
-- or lost leadership. Repeats this until nothing changes during a start. Throws after
-- too many attempts. Yields, but not after the last check for a change.
-- @treturn boolean whether the new roles were started again
function Lifecycle:catch_up_with_config()
    for number = 1, CONFIG_TRIES do
        repeat
            self:wait_for_others()
            local is_settled = self.config == self.framework:config()
                and self.is_master == self.framework:is_master()
            if is_settled and self:hold() then
                return number > 1
            end
        until not is_settled
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

--- Activates the new roles right after the commit, calls their `after_commit`, and
-- resumes the delivery of events. Then applies the config to other roles that depend on
-- the new ones.
function Lifecycle:after_commit()
    local framework = self.framework
    for _, role in ipairs(self.starting) do
        if framework.activate ~= nil then
            local ok, err = pcall(framework.activate, framework, role)
            if not ok then
                table.insert(self.txn.warnings, ('role %s: %s'):format(role.role_name, failure.describe(err)))
            end
        end
        self:call_leniently(role, 'after_commit')
    end
    if framework.resume ~= nil then
        framework:resume()
    end
    for _, role in ipairs(framework.dependents and framework:dependents(self.starting) or {}) do
        self:call_leniently(role, 'validate')
        self:call_leniently(role, 'apply')
    end
end

--- Stops the old roles that `before_commit` has chosen. Must be called after waiting for
-- the requests that use these roles. Yields.
function Lifecycle:stop_old()
    local roles = self.stopping
    self.stopping = {}
    self:stop(roles)
end

--- Ends the separate view of services and variables that the `stop` functions of old
-- roles get, and all else that `role_stop` has set up for them. A `stop` that has not
-- returned yet continues without these.
function Lifecycle:finish()
    self.role_stop:close()
    self.framework:settle()
end

--- Returns the old roles to restart after a failed reload, in init order. These are:
--
--   - the roles that were stopped;
--   - the roles still serving, if `init` or `apply` of their new version was called,
--     because the call may have replaced what the old version had set up.
--
-- A role that is still serving is restarted only if it has no `stop`, or if the framework
-- allows repeated `apply` calls.
function Lifecycle:roles_to_restart()
    local list = {}
    for _, role in ipairs(self.old and self.old.by_number or {}) do
        local name = role.role_name
        local is_called = self.called[name]
            and (self.framework.applies_again or self:method(role, 'stop') == nil)
        if self.stopped[name] ~= nil or (is_called and self.framework:serving(name) ~= nil) then
            table.insert(list, role)
        end
    end
    return list
end

--- Resumes the delivery of events, and restarts the old roles that `roles_to_restart`
-- returns. Yields.
-- @tparam {string,...} left a line is appended for each role that fails to restart
-- @treturn boolean whether there were roles to restart
function Lifecycle:restart_old_roles(left)
    if self.framework.resume ~= nil then
        self.framework:resume()
    end
    local roles = self:roles_to_restart()
    if #roles == 0 then
        return false
    end
    for name, functions in pairs(self.disabled) do
        for field, f in pairs(functions) do
            rawset(self.old.by_role_name[name].M, field, f)
        end
    end
    restart_roles({
        txn = self.txn,
        framework = self.framework,
        adapters = self.adapters,
        roles = roles,
        seconds = self.txn:limited(RESTART, RESTART_PART),
        call = function(role, step)
            local f = self:method(role, step)
            if f == nil then
                return true
            end
            self.txn:tell('restart', role.role_name)
            return failure.call(f, self.framework:arguments(step, role))
        end,
    }, left)
    return true
end

return {new = new}
