--- Gives access to Tarantool 3's config, which assigns roles to an instance.
--
-- No public function returns or replaces the roles. Tarantool's role applier keeps them
-- in upvalues of its functions: in separate upvalues up to 3.2, and in the table
-- `roles_state` since 3.3. If these upvalues are missing, a reload is refused.

local M = {}

--- Returns the built-in `config` module. Ignores an application module of the same name.
-- @treturn ?table nil if there is no built-in module
local function builtin()
    local registry = type(debug.getregistry) == 'function' and debug.getregistry()
    local builtins = registry and registry._TARANTOOL_BUILTIN
    local config = type(builtins) == 'table' and builtins.config or package.loaded.config
    if type(config) == 'table' and type(config.get) == 'function' and rawget(config, '_appliers') ~= nil then
        return config
    end
    return nil
end

--- Finds an upvalue of a function by name. The upvalues of Tarantool's Lua functions
-- have names, because Tarantool keeps the debug information of its Lua code.
-- @return value of the upvalue; nil if there is none
-- @treturn ?number index of the upvalue
local function find_upvalue(f, wanted)
    for index = 1, 255 do
        local name, value = debug.getupvalue(f, index)
        if name == nil then
            return nil
        elseif name == wanted then
            return value, index
        end
    end
end

local Config = {}
Config.__index = Config

--- Returns the names in a list from the config, in the same order, without duplicates.
local function names_of(list)
    local names, seen = {}, {}
    for _, name in ipairs(type(list) == 'table' and list or {}) do
        if not seen[name] then
            seen[name] = true
            table.insert(names, name)
        end
    end
    return names
end

--- Returns an object that gives access to the config with which this instance was started.
-- @treturn ?table nil if a script started this instance, without a config
function M.detect()
    local config = builtin()
    if config == nil or config._status == 'uninitialized' then
        return nil
    end
    local self = setmetatable({config = config}, Config)
    for _, applier in ipairs(config._appliers) do
        if applier.name == 'roles' or applier.name == 'roles.stage_2' then
            self.applier = applier.post_apply
        end
    end
    if type(self.applier) == 'function' then
        self.state = find_upvalue(self.applier, 'roles_state')
        local on_event = find_upvalue(self.applier, 'call_on_event_callbacks')
        self.lock = type(on_event) == 'function' and find_upvalue(on_event, 'lock') or nil
        self.register_health_check = find_upvalue(self.applier, 'register_role_health_check')
    end
    return self
end

--- Checks whether Tarantool has all internals that a reload needs.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what is missing
function Config:is_understood()
    if type(self.applier) ~= 'function' then
        return nil, 'the role applier'
    elseif type(rawget(self.config, '_configdata_applied')) ~= 'table' then
        return nil, 'the applied config'
    end
    local loaded, order = self:roles()
    if type(loaded) ~= 'table' or type(order) ~= 'table' then
        return nil, 'the table of loaded roles'
    elseif self.state ~= nil and self.lock == nil then
        return nil, 'the event lock'
    end
    for _, name in ipairs(order) do
        if type(loaded[name]) ~= 'table' then
            return nil, ('the role %s'):format(tostring(name))
        end
    end
    return true
end

--- Returns the status of the config, such as `ready`.
-- @treturn string
function Config:status()
    return self.config._status
end

--- Returns the messages of the alerts that were raised when the config was last applied.
-- @treturn {string,...}
function Config:alerts()
    local ok, info = pcall(self.config.info, self.config)
    local list = {}
    for _, alert in ipairs(ok and info.alerts or {}) do
        table.insert(list, tostring(alert.message))
    end
    return list
end

--- Returns the applied config. Tarantool creates a new object each time it applies the
-- config.
function Config:applied()
    return self.config._configdata_applied
end

--- Returns the main script, which Tarantool runs each time it applies the config.
-- @treturn ?string path as written in the config; nil if there is no main script
function Config:script()
    local ok, file = pcall(self:applied().get, self:applied(), 'app.file', {use_default = true})
    return ok and type(file) == 'string' and file or nil
end

--- Returns the names of the roles that the applied config assigns to this instance.
function Config:role_names()
    local ok, list = pcall(self:applied().get, self:applied(), 'roles', {use_default = true})
    return names_of(ok and list)
end

--- Returns a map from the name of each role to its config.
function Config:role_configs()
    local ok, map = pcall(self:applied().get, self:applied(), 'roles_cfg', {use_default = true})
    return ok and type(map) == 'table' and map or {}
end

--- Returns the name of this instance in the config.
-- @treturn ?string nil if unknown
function Config:instance_name()
    local ok, names = pcall(function()
        return self:applied():names()
    end)
    return ok and type(names) == 'table' and names.instance_name or nil
end

--- Lists the instances of the cluster that the config describes.
-- @treturn[1] {table,...} {alias, replicaset, uri}: `uri` is the address advertised to
--   peers, without user and password; nil if there is none
-- @treturn[2] nil
-- @treturn[2] string why the instances are unknown
function Config:instances()
    local config = self.config
    if type(config.instances) ~= 'function' or type(config.instance_uri) ~= 'function' then
        return nil, ('the config module of Tarantool %s cannot list the instances; specify each with --socket')
            :format(_TARANTOOL:match('^[^-]*'))
    end
    local ok, all = pcall(config.instances, config)
    if not ok then
        return nil, ('the list of instances in the config cannot be read: %s'):format(tostring(all))
    end
    local list = {}
    for name, place in pairs(all) do
        local found, uri = pcall(config.instance_uri, config, 'peer', {instance = name})
        table.insert(list, {
            alias = name,
            replicaset = place.replicaset_name,
            uri = found and type(uri) == 'table' and uri.uri or nil,
        })
    end
    return list
end

--- Returns the serving roles.
-- @treturn table name -> value that the role's module returned
-- @treturn {string,...} names, each after its dependencies
function Config:roles()
    if self.state ~= nil then
        return self.state.last_loaded, self.state.last_roles_ordered
    end
    return (find_upvalue(self.applier, 'last_loaded')), (find_upvalue(self.applier, 'last_roles_ordered'))
end

--- Replaces the serving roles. Installs new tables and leaves the old tables unchanged,
-- because Tarantool may be iterating over them to deliver an event. Does not yield.
-- @tparam table loaded role name -> value that the role's module returned
-- @tparam {string,...} order the role names, each after its dependencies
function Config:set_roles(loaded, order)
    if self.state ~= nil then
        self.state.last_loaded, self.state.last_roles_ordered = loaded, order
        return
    end
    for name, value in pairs({last_loaded = loaded, last_roles_ordered = order}) do
        local _, index = find_upvalue(self.applier, name)
        debug.setupvalue(self.applier, index, value)
    end
end

--- Returns the first and the last argument for a role's `on_event` function.
-- @return the config of the role
-- @treturn table the last known status of the instance
function Config:event_arguments(name)
    local state = self.state
    -- Tarantool 3.3.0 passes the same object, the whole config, to every role.
    local first = state.last_config
    if first == nil then
        first = (state.last_roles_cfg or {})[name]
    end
    return first, state.last_box_status_value
end

--- Returns the tags of a role, which are special comments in its file.
-- @treturn table such as {early_load = true, fail_if = 'tarantool_version < 3.5.0'};
--   empty before Tarantool 3.4
function M.tags_of(name)
    local ok, file = pcall(require, 'internal.config.utils.file')
    if not ok or type(file) ~= 'table' or type(file.get_module_metadata) ~= 'function' then
        return {}
    end
    local tags
    ok, tags = pcall(file.get_module_metadata, name)
    return ok and type(tags) == 'table' and tags or {}
end

--- Returns whether the expression in a role's `fail_if` tag forbids loading the role on
-- this server. An expression that cannot be evaluated forbids loading, too, as in
-- Tarantool itself.
function M.must_fail(expression)
    local ok, lib = pcall(require, 'internal.config.utils.expression')
    if not ok or type(lib) ~= 'table' or type(lib.eval) ~= 'function' then
        return true
    end
    local evaluated, result = pcall(lib.eval, expression, {
        tarantool_version = _TARANTOOL:match('^%d+%.%d+%.%d+'),
    })
    return not evaluated or result ~= false
end

--- Returns the number of application thread groups in the config (Tarantool 3.7 and
-- newer). Each group runs its own Lua code, which a reload does not replace.
function Config:count_thread_groups()
    local ok, groups = pcall(self:applied().get, self:applied(), 'threads.groups', {use_default = true})
    return ok and type(groups) == 'table' and #groups or 0
end

--- Returns why an instance that was started with a config cannot be reloaded now.
-- @treturn ?table fields of a failure; nil if a reload is possible
function M.refusal()
    local self = M.detect()
    if self == nil then
        return nil
    end
    local status = self:status()
    if status == 'startup_in_progress' then
        return {
            code = 'not_running',
            message = "the instance's config is still being applied",
            transient = true,
        }
    elseif status == 'reload_in_progress' then
        return {
            code = 'config_locked',
            message = "the instance's config is being reloaded",
            transient = true,
        }
    end
    local ok, roles = pcall(self.config.get, self.config, 'roles')
    if not ok then
        return {
            code = 'unsupported',
            message = ('the roles in the Tarantool config cannot be read: %s'):format(tostring(roles)),
        }
    elseif type(roles) ~= 'table' or next(roles) == nil then
        return nil
    end
    local is_understood, missing = self:is_understood()
    if not is_understood then
        return {
            code = 'unsupported',
            message = ('unsupported Tarantool version %s: %s was not found in its config module; restart '
                .. 'the instance to reload its roles (%s)'):format(
                _TARANTOOL:match('^[^-]*'), missing, table.concat(names_of(roles), ', ')),
        }
    elseif status == 'check_errors' then
        return {
            code = 'bad_state',
            message = ("the instance's config has errors and may have been applied to only some of the roles: %s")
                :format(self:alerts()[1] or 'see config:info().alerts'),
        }
    end
    return nil
end

return M
