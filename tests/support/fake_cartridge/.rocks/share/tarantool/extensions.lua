-- Test stand-in for the rock cartridge-extensions 1.1, written from its documented
-- and observed behaviour: the role "extensions" loads the sections
-- extensions/*.lua of the clusterwide config as modules, and exports functions of
-- these as configured in extensions/config.yml.

local errors = require('errors')
local twophase = require('cartridge.twophase')
local vars = require('cartridge.vars').new('cartridge.roles.extensions')

local RequireExtensionError = errors.new_class('RequireExtensionError')
local ExtensionConfigError = errors.new_class('ExtensionConfigError')

vars:new('loaded', {})
vars:new('globals', {})
vars:new('routes', {})
vars:new('on_patch_trigger')

-- If there is no config, writes an example that consists of comments only.
local function put_example(new)
    local function lacks(section)
        return (new:get_plaintext(section) or '') == ''
    end
    if not lacks('extensions/config.yml') then
        return
    end
    new:set_plaintext('extensions/config.yml', '# Nothing so far.\n')
    if lacks('extensions/example.lua') then
        new:set_plaintext('extensions/example.lua', '-- Nothing so far.\n')
    end
end
vars.on_patch_trigger = twophase.on_patch(put_example, vars.on_patch_trigger)

-- Runs each module once, in an environment in which modules can require each
-- other.
local function load_modules(conf)
    local loaded, LOADING = {}, {}
    local env = table.copy(_G)
    env.require = function(name)
        if not name:startswith('extensions.') then
            return require(name)
        elseif loaded[name] == LOADING then
            error(('%s requires itself'):format(name), 2)
        elseif loaded[name] == nil then
            local section = name:gsub('%.', '/') .. '.lua'
            if type(conf[section]) ~= 'string' then
                error(('%s: the config has no %s'):format(name, section), 2)
            end
            local chunk, err = loadstring(conf[section], '@' .. section)
            if chunk == nil then
                error(err, 2)
            end
            loaded[name] = LOADING
            local value = setfenv(chunk, env)()
            loaded[name] = value == nil and true or value
        end
        return loaded[name]
    end
    for section in pairs(conf) do
        local name = section:match('^(extensions/.+)%.lua$')
        if name ~= nil then
            local _, err = RequireExtensionError:pcall(env.require,
                (name:gsub('/', '.')))
            if err ~= nil then
                return nil, err
            end
        end
    end
    return loaded
end

local function invalid(...)
    return nil, ExtensionConfigError:new(...)
end

-- Returns the function that an entry of the config exports.
local function find_function(name, fields, loaded)
    local types = {module = 'string', handler = 'string', events = 'table'}
    if type(fields) ~= 'table' then
        return invalid('function %s is not a map', name)
    end
    for _, field in ipairs({'module', 'handler', 'events'}) do
        if type(fields[field]) ~= types[field] then
            return invalid('function %s: %s is not a %s', name, field,
                types[field])
        end
    end
    local module = loaded[fields.module]
    if module == nil and vars.loaded[fields.module] == nil then
        module = package.loaded[fields.module]
    end
    if module == nil then
        return invalid('function %s: %s is not loaded', name, fields.module)
    end
    local f = type(module) == 'table' and module[fields.handler]
    if type(f) ~= 'function' then
        return invalid('function %s: %s has no %s', name, fields.module,
            fields.handler)
    end
    return f
end

-- Prepares everything that a config asks for, without installing it.
local function process(conf)
    local loaded, err = load_modules(conf)
    if loaded == nil then
        return nil, err
    end
    local work = {loaded = loaded, globals = {}, routes = {}}
    local functions = (conf['extensions/config'] or {}).functions
    if functions == nil then
        return work
    end
    if type(functions) ~= 'table' then
        return invalid('functions is a %s', type(functions))
    end
    for name, fields in pairs(functions) do
        local f
        f, err = find_function(name, fields, loaded)
        if f == nil then
            return nil, err
        end
        for _, event in ipairs(fields.events) do
            local global = event.binary and event.binary.path
            if global ~= nil then
                if work.globals[global] ~= nil then
                    return invalid('two functions are to be %s', global)
                elseif rawget(_G, global) ~= nil
                    and vars.globals[global] == nil then
                    return invalid('there is a global %s already', global)
                end
                work.globals[global] = f
            end
            if event.http ~= nil then
                local method = event.http.method:upper()
                local path = '/' .. event.http.path:gsub('^/', '')
                    :gsub('/$', '') .. '/'
                work.routes[method .. '#' .. path] = {
                    method = method, path = path, f = f,
                }
            end
        end
    end
    return work
end

local function apply_config(conf)
    local work, err = process(conf)
    if work == nil then
        return nil, err
    end
    local httpd = require('cartridge').service_get('httpd')
    for name in pairs(vars.loaded) do
        package.loaded[name] = nil
    end
    for name in pairs(vars.globals) do
        rawset(_G, name, nil)
    end
    for name, module in pairs(work.loaded) do
        package.loaded[name] = module
    end
    for name, f in pairs(work.globals) do
        rawset(_G, name, f)
    end
    if httpd ~= nil then
        for name in pairs(vars.routes) do
            httpd:delete(name)
        end
        for name, route in pairs(work.routes) do
            httpd:route({path = route.path, method = route.method,
                name = name}, route.f)
        end
    end
    vars.loaded, vars.globals = work.loaded, work.globals
    vars.routes = work.routes
end

return {
    role_name = 'extensions',
    validate_config = function(conf)
        local work, err = process(conf)
        if work == nil then
            return nil, err
        end
        return true
    end,
    apply_config = apply_config,
    stop = function()
        return apply_config({})
    end,
    _VERSION = '1.1.0',
}
