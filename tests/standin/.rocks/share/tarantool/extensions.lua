-- Test stand-in for the rock cartridge-extensions 1.1, written from its
-- documented and observed behaviour: the role "extensions" loads the sections
-- extensions/*.lua of the clusterwide config as modules, and exports functions
-- of theirs as extensions/config.yml says.

local errors = require('errors')
local twophase = require('cartridge.twophase')
local vars = require('cartridge.vars').new('cartridge.roles.extensions')

local RequireExtensionError = errors.new_class('RequireExtensionError')
local ExtensionConfigError = errors.new_class('ExtensionConfigError')

vars:new('loaded', {})
vars:new('exports', {})
vars:new('http_exports', {})
vars:new('on_patch_trigger')

-- Where there is no config, an example of comments only is put.
local function put_example(new)
    local function lacks(section)
        return (new:get_plaintext(section) or '') == ''
    end
    if not lacks('extensions/config.yml') then
        return
    end
    new:set_plaintext('extensions/config.yml', '# functions:\n#   hello:\n')
    if lacks('extensions/example.lua') then
        new:set_plaintext('extensions/example.lua', '-- return {}\n')
    end
end
vars.on_patch_trigger = twophase.on_patch(put_example, vars.on_patch_trigger)

-- Runs all modules, each once, in an environment where they can require each
-- other.
local function load_modules(conf)
    local loaded, LOADING = {}, {}
    local env = table.copy(_G)
    env.require = function(name)
        if not name:startswith('extensions.') then
            return require(name)
        elseif loaded[name] == LOADING then
            error(("loop or previous error loading module '%s'"):format(name), 2)
        elseif loaded[name] == nil then
            local section = name:gsub('%.', '/') .. '.lua'
            if type(conf[section]) ~= 'string' then
                error(("module '%s' not found: no section '%s' in config")
                    :format(name, section), 2)
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
    return nil, ExtensionConfigError:new('Invalid extensions config: '
        .. string.format(...))
end

-- The function that a part of the config exports.
local function find_function(name, fields, loaded)
    local types = {module = 'string', handler = 'string', events = 'table'}
    if type(fields) ~= 'table' then
        return invalid('bad field functions[%q]', name)
    end
    for _, field in ipairs({'module', 'handler', 'events'}) do
        if type(fields[field]) ~= types[field] then
            return invalid('bad field functions[%q].%s (%s expected, got %s)',
                name, field, types[field], type(fields[field]))
        end
    end
    local module = loaded[fields.module]
    if module == nil and vars.loaded[fields.module] == nil then
        module = package.loaded[fields.module]
    end
    if module == nil then
        return invalid("no module '%s' to handle function '%s'", fields.module,
            name)
    end
    local f = type(module) == 'table' and module[fields.handler]
    if type(f) ~= 'function' then
        return invalid("no function '%s' in module '%s'", fields.handler,
            fields.module)
    end
    return f
end

-- Everything that a config stands for, with nothing in place so far.
local function process(conf)
    local loaded, err = load_modules(conf)
    if loaded == nil then
        return nil, err
    end
    local work = {loaded = loaded, exports = {}, http_exports = {}}
    local functions = (conf['extensions/config'] or {}).functions
    if type(functions) == 'nil' then
        functions = {}
    elseif type(functions) ~= 'table' then
        return invalid('bad field functions (table expected, got %s)',
            type(functions))
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
                if work.exports[global] ~= nil then
                    return invalid("collision of binary event '%s'", global)
                elseif rawget(_G, global) ~= nil
                    and vars.exports[global] == nil then
                    return invalid("can't override global '%s'", global)
                end
                work.exports[global] = f
            end
            if event.http ~= nil then
                local method = event.http.method:upper()
                local path = '/' .. event.http.path:gsub('^/', '')
                    :gsub('/$', '') .. '/'
                work.http_exports[method .. '#' .. path] = {
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
    for name in pairs(vars.exports) do
        rawset(_G, name, nil)
    end
    for name, module in pairs(work.loaded) do
        package.loaded[name] = module
    end
    for name, f in pairs(work.exports) do
        rawset(_G, name, f)
    end
    if httpd ~= nil then
        for name in pairs(vars.http_exports) do
            httpd:delete(name)
        end
        for name, route in pairs(work.http_exports) do
            httpd:route({path = route.path, method = route.method,
                name = name}, route.f)
        end
    end
    vars.loaded, vars.exports = work.loaded, work.exports
    vars.http_exports = work.http_exports
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
