-- platform/config.lua: roles from the config of Tarantool 3.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.config')

--- Results of the module with this built-in module `config`.
local function refusal(status, roles, fields)
    local config = {_status = status, _appliers = {}}
    function config.get(_, path)
        if type(roles) == 'string' then
            error(roles, 0)
        end
        return path == 'roles' and roles or nil
    end
    for name, value in pairs(fields or {}) do
        config[name] = value or nil
    end
    local builtins = debug.getregistry()._TARANTOOL_BUILTIN
    debug.getregistry()._TARANTOOL_BUILTIN = {config = config}
    lib.defer(function() debug.getregistry()._TARANTOOL_BUILTIN = builtins end)
    return lib.load('platform.config').refusal()
end

case('an instance without roles in the config can be reloaded', function(t)
    t:is(lib.load('platform.config').refusal(), nil, 'this server, started by a script')
    t:is(refusal('uninitialized', {'app.store'}), nil, 'the config was not used')
    t:is(refusal('ready', nil), nil, 'no roles')
    t:is(refusal('ready', {}), nil, 'an empty list')
end)

case('roles that cannot be found in the applier are refused', function(t)
    for _, status in ipairs({'ready', 'check_warnings', 'check_errors'}) do
        local why = refusal(status, {'app.store', 'roles.crud-router'})
        t:is(why and why.code, 'unsupported', status)
        t:ok(lib.mentions({why and why.message}, 'app.store, roles.crud-router'), 'names them')
        t:is(why and why.transient, nil, 'waiting does not help')
    end
    local why = refusal('reload_in_progress', {'app.store'})
    t:is(why.code, 'config_locked', 'while the config is being reloaded')
    t:is(why.transient, true, 'which passes')
end)

case('an unreadable applier is refused', function(t)
    t:is(refusal('ready', 'no such option').code, 'unsupported', 'no roles to be read')
    local why = refusal('startup_in_progress', 'not available yet')
    t:is(why.code, 'not_running', 'while it is being applied')
    t:is(why.transient, true, 'for a while')
end)

case('a module of the application may be called config', function(t)
    local before = package.loaded.config
    lib.defer(function() package.loaded.config = before end)
    package.loaded.config = {get = function() return {'x'} end, _status = 'ready'}
    t:is(lib.load('platform.config').refusal(), nil, 'it is not the one of Tarantool')
end)

--- A config with roles, stored as in servers from 3.3 on, or up to 3.2.
local function config_with(roles, is_old)
    local last_loaded, last_roles_ordered = {}, {}
    for _, role in ipairs(roles) do
        last_loaded[role.name] = role
        table.insert(last_roles_ordered, role.name)
    end
    local post_apply
    if is_old then
        post_apply = function() return last_loaded, last_roles_ordered end
    else
        local roles_state = {last_loaded = last_loaded, last_roles_ordered = last_roles_ordered,
            last_roles_cfg = {a = {x = 1}}, last_box_status_value = {is_ro = true}}
        local lock = require('fiber').channel(1)
        local function call_on_event_callbacks() lock:put(true) lock:get() end
        post_apply = function() call_on_event_callbacks() return roles_state end
    end
    local builtins = debug.getregistry()._TARANTOOL_BUILTIN
    lib.defer(function() debug.getregistry()._TARANTOOL_BUILTIN = builtins end)
    local data = {get = function(_, path) return path == 'roles' and {'a', 'b', 'a'} or nil end}
    debug.getregistry()._TARANTOOL_BUILTIN = {config = {
        _status = 'ready', _configdata_applied = data, get = data.get,
        _appliers = {{name = 'mkdir'}, {name = is_old and 'roles' or 'roles.stage_2', post_apply = post_apply}},
    }}
    return lib.load('platform.config'), post_apply
end

case('roles are found and replaced in every layout', function(t)
    for _, is_old in ipairs({false, true}) do
        local config_lib, post_apply = config_with({{name = 'b'}, {name = 'a'}}, is_old)
        local config, label = config_lib.detect(), is_old and 'up to 3.2' or 'from 3.3 on'
        t:is(config_lib.refusal(), nil, label .. ': understood')
        t:is_deeply(config:role_names(), {'a', 'b'}, 'each name once, in the order of the config')
        local loaded, order = config:roles()
        t:is(loaded.a.name, 'a', 'a role')
        t:is_deeply(order, {'b', 'a'}, 'their order')
        config:set_roles({a = {name = 'new'}}, {'a'})
        t:is(loaded.a.name, 'a', 'the old table stays as it is')
        local first, second = post_apply()
        t:is((is_old and first or first.last_loaded).a.name, 'new', 'the applier has the new roles')
        t:is_deeply(is_old and second or first.last_roles_ordered, {'a'}, 'and their order')
    end
end)

case('a role that is ordered but not loaded is refused', function(t)
    local config_lib = config_with({{name = 'a'}, {name = 'b'}})
    local config = config_lib.detect()
    config:set_roles({a = {}}, {'a', 'b'})
    local ok, missing = config:is_understood()
    t:is(ok, nil, 'not understood')
    t:is(missing, 'the role b', 'says which')
    t:is(config_lib.refusal().code, 'unsupported', 'refused')
end)

lib.run()
