--- Lists the HTTP servers (`http` rock) of this instance, and the files in their caches.
--
-- Unless its options disable the cache, a server caches each file on the first request:
--   cache.tpl[FILE]      text of the template app_dir/templates/FILE
--   cache.static[PATH]   text of the file PATH, which is below app_dir/public
--   cache[NAME]          value returned by the controller app_dir/controllers/NAME.lua
--                        (the rock does not keep these values in its table cache.ctx)

local require = ...
local detect_cartridge = require('platform.cartridge').detect
local listeners = require('platform.listeners')

-- Keys of a server's cache that are not names of controllers.
local CACHES = {tpl = true, ctx = true, static = true}

local function is_server(value)
    return type(value) == 'table' and type(value.routes) == 'table' and type(value.cache) == 'table'
        and type(value.options) == 'table' and type(value.route) == 'function'
end

--- Lists the HTTP servers, starting with Cartridge's own server if there is one. May
-- yield.
-- @treturn {table,...}
local function list()
    local servers, seen = {}, {}
    local function add(server)
        -- A proxy shares the cache of its live server, so list only one of the two.
        if is_server(server) and not seen[server.cache] then
            seen[server.cache] = true
            table.insert(servers, server)
        end
    end
    local cartridge = detect_cartridge()
    local services = cartridge and cartridge.services()
    add(services and services.httpd)
    if package.loaded['http.server'] ~= nil then
        for _, listener in ipairs(listeners.list()) do
            add(listener.options.http_server)
        end
    end
    return servers
end

local function join(...)
    return (table.concat({...}, '/'):gsub('//+', '/'))
end

--- Finds the file of a controller as the `http` rock does: first in the controllers
-- directory, then in `package.path`.
-- @tparam table options options of the HTTP server
-- @tparam string name name of the controller
-- @treturn ?string path
local function controller_path(options, name)
    local folder, path = join(options.app_dir or '.', 'controllers'), package.path
    package.path = ('%s/?.lua;%s/?/init.lua;%s'):format(folder, folder, path)
    local ok, found = pcall(package.search, name)
    package.path = path
    return ok and type(found) == 'string' and found or nil
end

--- Lists the entries in the cache of an HTTP server.
-- @treturn {table,...} {kind, key, path, value}: `kind` is `controller`, `template` or
--   `static`
local function cached(server)
    local items, cache = {}, server.cache
    local function add(kind, key, path, value)
        table.insert(items, {kind = kind, key = key, path = path, value = value})
    end
    for file, text in pairs(type(cache.tpl) == 'table' and cache.tpl or {}) do
        add('template', file, join(server.options.app_dir or '.', 'templates', file), text)
    end
    for path, text in pairs(type(cache.static) == 'table' and cache.static or {}) do
        add('static', path, path, text)
    end
    for name, controller in pairs(cache) do
        if type(name) == 'string' and not CACHES[name] then
            add('controller', name, controller_path(server.options, name), controller)
        end
    end
    table.sort(items, function(a, b)
        return a.kind < b.kind or a.kind == b.kind and tostring(a.key) < tostring(b.key)
    end)
    return items
end

--- Lists the controllers that the given routes refer to by name.
-- @tparam {table,...} routes
-- @treturn {{name, routes},...} sorted by name
local function named_controllers(routes)
    local by_name, named = {}, {}
    for _, route in pairs(routes) do
        local name = type(route) == 'table' and route.controller
        if type(name) == 'string' then
            if by_name[name] == nil then
                by_name[name] = {name = name, routes = {}}
                table.insert(named, by_name[name])
            end
            table.insert(by_name[name].routes, route)
        end
    end
    table.sort(named, function(a, b)
        return a.name < b.name
    end)
    return named
end

return {
    CACHES = CACHES,
    cached = cached,
    controller_path = controller_path,
    list = list,
    named_controllers = named_controllers,
}
