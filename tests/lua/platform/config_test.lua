-- platform/config.lua: roles from the config of Tarantool 3.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.config')

--- What the module says of a built-in module `config` like this.
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

case('an instance without roles from the config can be reloaded', function(t)
    t:is(lib.load('platform.config').refusal(), nil, 'this server, started by a script')
    t:is(refusal('uninitialized', {'app.store'}), nil, 'the config was not used')
    t:is(refusal('ready', nil), nil, 'no roles')
    t:is(refusal('ready', {}), nil, 'an empty list')
end)

case('an instance with roles from the config cannot', function(t)
    for _, status in ipairs({'ready', 'check_warnings', 'check_errors', 'reload_in_progress'}) do
        local why = refusal(status, {'app.store', 'roles.crud-router'})
        t:is(why and why.code, 'unsupported', status)
        t:ok(lib.mentions({why and why.message}, 'app.store, roles.crud-router'), 'names them')
        t:is(why and why.transient, nil, 'waiting does not help')
    end
end)

case('what cannot be read is refused', function(t)
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

lib.run()
