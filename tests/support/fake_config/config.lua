-- Test stand-in for the module `config` of Tarantool 3 on older servers, written from
-- its observed behaviour, as far as a reload of roles can see it. It reads one
-- instance from a YAML file and keeps roles as 3.3.1 and newer do, in a table that
-- only functions of the applier refer to.

local fiber = require('fiber')
local yaml = require('yaml')

local NEEDED = {'validate', 'apply', 'stop'}

local roles_state = {last_loaded = {}, last_roles_ordered = {}, last_box_status_value = {is_ro = false}}

-- Events are delivered one at a time.
local lock = fiber.channel(1)

local function call_on_event_callbacks(configs, key, value)
    lock:put(true)
    local loaded = roles_state.last_loaded
    for _, name in ipairs(roles_state.last_roles_ordered) do
        if loaded[name].on_event ~= nil then
            pcall(loaded[name].on_event, configs[name], key, value)
        end
    end
    lock:get()
end

local function in_order(names, loaded)
    local order, known = {}, {}
    local function visit(name)
        if known[name] then
            return
        end
        known[name] = true
        for _, dependency in ipairs(loaded[name].dependencies or {}) do
            assert(loaded[dependency] ~= nil, 'a dependency is not in the config')
            visit(dependency)
        end
        order[#order + 1] = name
    end
    for _, name in ipairs(names) do
        visit(name)
    end
    return order
end

local function load_role(name)
    local role = roles_state.last_loaded[name] or require(name)
    for _, method in ipairs(NEEDED) do
        assert(type(role[method]) == 'function', 'the role lacks a function')
    end
    return role
end

local function post_apply(config)
    local names = config._configdata:get('roles') or {}
    local configs = config._configdata:get('roles_cfg') or {}
    local wanted, loaded = {}, {}
    for _, name in ipairs(names) do
        wanted[name] = true
    end
    for i = #roles_state.last_roles_ordered, 1, -1 do
        local name = roles_state.last_roles_ordered[i]
        if not wanted[name] then
            roles_state.last_loaded[name].stop()
        end
    end
    for _, name in ipairs(names) do
        loaded[name] = load_role(name)
    end
    local order = in_order(names, loaded)
    for _, method in ipairs({'validate', 'apply'}) do
        for _, name in ipairs(order) do
            loaded[name][method](configs[name])
        end
    end
    roles_state.last_loaded, roles_state.last_roles_ordered = loaded, order
    roles_state.last_roles_cfg = table.deepcopy(configs)
    call_on_event_callbacks(roles_state.last_roles_cfg, 'config.apply', roles_state.last_box_status_value)
end

--- Returns the settings of the only instance in the file.
local function read_settings(path)
    local file = assert(io.open(path))
    local document = yaml.decode(file:read('*a'))
    file:close()
    local settings = {}
    local function merge(level)
        for key, value in pairs(level) do
            if key ~= 'groups' and key ~= 'replicasets' and key ~= 'instances' then
                settings[key] = value
            end
        end
        local _, below = next(level.groups or level.replicasets or level.instances or {})
        if below ~= nil then
            merge(below)
        end
    end
    merge(document)
    return settings
end

local Data = {}
Data.__index = Data

function Data:get(path)
    return self.settings[path]
end

function Data.names()
    return {instance_name = os.getenv('TT_INSTANCE_NAME')}
end

local Config = {}
Config.__index = Config

function Config:get(path)
    return self._configdata_applied:get(path)
end

function Config:info()
    return {status = self._status, alerts = self._alerts}
end

function Config:_apply_all()
    self._alerts = {}
    self._configdata = setmetatable({settings = read_settings(self._path)}, Data)
    local ok, err = pcall(post_apply, self)
    self._configdata_applied = self._configdata
    if not ok then
        self._alerts = {{type = 'error', message = tostring(err)}}
    end
    self._status = ok and 'ready' or 'check_errors'
    return ok, not ok and err or nil
end

function Config:_reload_noexc()
    if self._status:find('_in_progress$') then
        return false, 'a reload of the config is in progress'
    end
    self._status = 'reload_in_progress'
    return self:_apply_all()
end

function Config:reload()
    local ok, err = self:_reload_noexc({})
    if not ok then
        error(err, 0)
    end
end

--- Not part of the real module: there the server itself starts the instance.
function Config:start(path)
    self._path, self._status = path, 'startup_in_progress'
    assert(self:_apply_all())
end

return setmetatable({
    _status = 'uninitialized',
    _appliers = {
        {name = 'roles.stage_1', apply = function() end},
        {name = 'roles.stage_2', apply = function() end, post_apply = post_apply},
    },
}, Config)
