--- The framework for roles from Tarantool 3's config. Validates and applies new roles as
-- Tarantool does, while the old roles keep serving. The old roles are normally stopped
-- after the commit.
--
-- A role has the functions `validate`, `apply` and `stop`. They throw to report
-- failure, and their results are ignored. Each time the config is applied, Tarantool
-- calls `apply` without calling `stop` first. So it must be safe to call `apply`
-- repeatedly.

local require = ...
local config_lib = require('platform.config')
local environment = require('core.environment')
local failure = require('core.failure')

local Framework = {
    name = 'config',
    has_roles = true,
    ignores_results = true,
    applies_again = true,
    methods = {
        validate = 'validate',
        apply = 'apply',
        stop = 'stop',
        after_commit = 'on_event',
    },
}
Framework.__index = Framework

local REQUIRED = {'validate', 'apply', 'stop'}

local function detect()
    local config = config_lib.detect()
    if config == nil or (config:is_understood() and #config:role_names() == 0) then
        -- An instance without roles needs no framework.
        return nil
    end
    local self = setmetatable({facts = config}, Framework)
    if config.state == nil then
        -- Before Tarantool 3.3, roles have no `on_event` function.
        self.methods = {validate = 'validate', apply = 'apply', stop = 'stop'}
    end
    return self
end

function Framework:is_understood()
    return self.facts:is_understood()
end

function Framework.refusal()
    return config_lib.refusal()
end

--- Checks the `fail_if` tag in the new files of roles. The tag states a condition, such
-- as an old Tarantool version, under which a server must not load the file.
-- @tparam table selected modules to be reloaded, by name
-- @treturn ?table fields of a failure; nil if all files may be loaded
function Framework:check_files(selected)
    for _, name in ipairs(self.facts:role_names()) do
        local expression = selected[name] and config_lib.tags_of(name).fail_if
        if expression ~= nil and expression ~= false and config_lib.must_fail(expression) then
            return {
                code = 'fail_if',
                phase = 'compile',
                role = name,
                module = name,
                message = ('the fail_if tag forbids role %q on this server: %s'):format(name, tostring(expression)),
            }
        end
    end
    return nil
end

--- Returns messages that say how a reload of the selected modules differs from a
-- restart.
-- @tparam table selected modules to be reloaded, by name
-- @treturn {string,...}
function Framework:notices(selected)
    local list = {}
    for _, name in ipairs(self.facts:role_names()) do
        if selected[name] and config_lib.tags_of(name).early_load then
            table.insert(list, ('role %s has the early_load tag: its new code runs after box.cfg, not before it')
                :format(name))
        end
    end
    local groups = self.facts:count_thread_groups()
    if groups > 0 then
        table.insert(list, ('the code in %d %s of application threads is not reloaded')
            :format(groups, groups == 1 and 'group' or 'groups'))
    end
    return list
end

function Framework:status()
    local status = self.facts:status()
    local fields = {state = status}
    if status == 'ready' or status == 'check_warnings' then
        return fields
    end
    local problem = {
        code = 'bad_state',
        message = ("the instance's config is in state %q"):format(status),
        transient = status:find('_in_progress$') ~= nil,
    }
    local alert = self.facts:alerts()[1]
    if alert ~= nil then
        problem.message = problem.message .. ': ' .. alert
    end
    return fields, problem
end

function Framework:alias()
    return self.facts:instance_name() or environment.get('TARANTOOL_INSTANCE_NAME')
end

--- Returns the roles in the order in which they are applied.
-- @treturn {{name, module, enabled},...}
function Framework:describe_roles()
    local list = {}
    local _, order = self.facts:roles()
    for _, name in ipairs(order) do
        table.insert(list, {name = name, module = name, enabled = true})
    end
    return list
end

function Framework:stage(txn, modules, adapters)
    self.txn, self.modules = txn, modules
    self.adapter = txn:add(adapters.config_roles.new(txn, self.facts))
    self.servers = {}
    local role = package.loaded['roles.httpd']
    if type(role) == 'table' and not modules.by_name['roles.httpd'] then
        self.httpd = txn:add(adapters.httpd_role.new(txn, role, adapters.http))
        self.servers = self.httpd.servers
    end
end

function Framework:role_modules()
    return self.facts:role_names()
end

--- Returns the named roles, each after its dependencies. Throws if a dependency is
-- missing or circular. `by_name` maps names to roles.
local function sort(names, by_name)
    local sorted, state = {}, {}
    local function add(name)
        state[name] = 'open'
        for _, other in ipairs(by_name[name].M.dependencies or {}) do
            if by_name[other] == nil then
                failure.raise({
                    code = 'bad_role',
                    phase = 'load',
                    role = name,
                    module = name,
                    message = ('role %q depends on role %q, which the config does not enable on this instance')
                        :format(name, tostring(other)),
                })
            elseif state[other] == 'open' then
                failure.raise({
                    code = 'bad_role',
                    phase = 'load',
                    role = name,
                    module = name,
                    message = ('roles %q and %q depend on each other'):format(name, other),
                })
            elseif state[other] == nil then
                add(other)
            end
        end
        state[name] = 'done'
        table.insert(sorted, by_name[name])
    end
    for _, name in ipairs(names) do
        if state[name] == nil then
            add(name)
        end
    end
    return sorted
end

--- Throws if `M`, the value returned by a role's module, is not a valid role.
local function check_role(name, M)
    local problem
    if type(M) ~= 'table' then
        problem = ('the module must return a table, not %s'):format(type(M))
    elseif M.dependencies ~= nil and type(M.dependencies) ~= 'table' then
        problem = ('the dependencies field must be a table, not %s'):format(type(M.dependencies))
    else
        for _, method in ipairs(REQUIRED) do
            if type(M[method]) ~= 'function' then
                problem = ('the role has no %s function'):format(method)
                break
            end
        end
    end
    if problem ~= nil then
        failure.raise({code = 'bad_role', phase = 'load', role = name, module = name, message = problem})
    end
end

local function registry_of(names, modules)
    local registry = {by_number = {}, by_role_name = {}, by_module_name = {}}
    for _, name in ipairs(names) do
        local role = {role_name = name, module_name = name, M = modules[name]}
        registry.by_role_name[name], registry.by_module_name[name] = role, role
        table.insert(registry.by_number, role)
    end
    return registry
end

function Framework:register()
    local loaded, order = self.facts:roles()
    local names, new = self.facts:role_names(), {}
    for _, name in ipairs(names) do
        if self.modules.by_name[name] ~= nil then
            new[name] = self.modules:load_or_fail(name)
            check_role(name, new[name])
        else
            new[name] = loaded[name]
        end
        if new[name] == nil then
            failure.raise({
                code = 'bad_state',
                phase = 'load',
                role = name,
                message = ('role %q, which the config names, is not loaded'):format(name),
            })
        end
    end
    self.registry = registry_of(names, new)
    self.registry.by_number = sort(names, self.registry.by_role_name)
    self.adapter:prepare(self.registry.by_number)
    return registry_of(order, loaded), self.registry
end

--- Throws if the roles that the config assigns to this instance have changed during the
-- reload.
function Framework:check_removed(_, new)
    local names, is_same = self.facts:role_names(), true
    for _, name in ipairs(names) do
        is_same = is_same and new.by_role_name[name] ~= nil
    end
    if not is_same or #names ~= #new.by_number then
        failure.raise({
            code = 'config_changing',
            phase = self.txn.phase,
            transient = true,
            message = 'the roles that the config assigns to the instance changed during the reload',
        })
    end
end

function Framework:config()
    return self.facts:applied()
end

function Framework.is_master()
    return nil
end

function Framework.enabled(_, registry)
    local set = {}
    for name in pairs(registry.by_role_name) do
        set[name] = true
    end
    return set
end

function Framework:is_reloaded(role)
    return self.modules:is_staged(role.module_name)
end

--- Does nothing, because application code finds the roles of this framework only with
-- `require`.
function Framework.offer()
end

function Framework:serving(name)
    return (self.facts:roles())[name]
end

--- Suspends the delivery of events to all roles until `resume` is called, so that no new
-- role gets an event before the config has been applied to the role. Does not yield.
-- @treturn boolean false if delivery was not suspended, because an event is being
--   delivered right now
function Framework:hold()
    local lock = self.facts.lock
    if lock == nil or self.is_holding then
        return true
    elseif lock:is_full() then
        return false
    end
    lock:put(true)
    self.is_holding = true
    return true
end

--- Resumes the delivery of events to roles. Does nothing if delivery is not suspended.
function Framework:resume()
    if self.is_holding then
        self.is_holding = false
        self.facts.lock:get(0)
    end
end

--- Returns the roles that are not reloaded but depend on a reloaded role. The config
-- must be applied to these roles again, as `config:reload()` does.
-- @tparam {table,...} reloaded the reloaded roles
-- @treturn {table,...} roles in the order in which they are applied
function Framework:dependents(reloaded)
    local affected, list = {}, {}
    for _, role in ipairs(reloaded) do
        affected[role.role_name] = true
    end
    for _, role in ipairs(self.registry.by_number) do
        for _, other in ipairs(role.M.dependencies or {}) do
            if affected[other] and not affected[role.role_name] then
                affected[role.role_name] = true
                table.insert(list, role)
            end
        end
    end
    return list
end

--- Registers the health check of a new role with Tarantool. Does nothing before
-- Tarantool 3.8.
function Framework:activate(role)
    local register = self.facts.register_health_check
    if register ~= nil then
        register(role.role_name, role.M, self.facts:role_configs()[role.role_name])
    end
end

function Framework:retire(proxies)
    if self.httpd ~= nil then
        self.httpd:retire(proxies)
    end
end

function Framework:settle()
    if self.httpd ~= nil then
        self.httpd:settle()
    end
    self:resume()
end

function Framework:arguments(step, role)
    if step == 'stop' then
        return
    elseif step == 'after_commit' then
        local first, value = self.facts:event_arguments(role.role_name)
        return first, 'config.apply', value
    end
    return self.facts:role_configs()[role.role_name]
end

return {detect = detect}
