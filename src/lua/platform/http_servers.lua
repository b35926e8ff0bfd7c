--- The HTTP servers (rock `http`) of this instance, and the files that they have
-- read: controllers, templates and static files.
--
-- A server reads such a file on the first request for it and caches it, unless
-- its options say otherwise:
--   cache.tpl[FILE]      text of app_dir/templates/FILE
--   cache.static[PATH]   text of PATH, which is below app_dir/public
--   cache[NAME]          what app_dir/controllers/NAME.lua returned; the rock has
--                        a table for these, cache.ctx, but does not use it

local require = ...
local detect_cartridge = require('platform.cartridge').detect
local listeners = require('platform.listeners')

-- Entries of the cache that are no controllers.
local CACHES = {tpl = true, ctx = true, static = true}
local function is_server(value)
    return type(value) == 'table' and type(value.routes) == 'table' and type(value.cache) == 'table'
        and type(value.options) == 'table' and type(value.route) == 'function'
end

--- Lists the servers. May yield.
-- @treturn {table,...} the one of Cartridge first
local function list()
    local servers, seen = {}, {}
    local function add(server)
        -- A staging server shares the tables of the real one.
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

--- The file of a controller, found as the rock finds it.
-- @treturn ?string path
local function controller_path(server, name)
    local folder = join(server.options.app_dir or '.', 'controllers')
    return package.searchpath(name, ('%s/?.lua;%s/?/init.lua'):format(folder, folder)) or package.search(name)
end

--- What a server has cached.
-- @treturn {table,...} {server, kind, key, path, value}: `kind` is `controller`,
--   `template` or `static`; `value` what the cache has under `key`
local function cached(server)
    local items, cache = {}, server.cache
    local function add(kind, key, path, value)
        table.insert(items, {server = server, kind = kind, key = key, path = path, value = value})
    end
    for file, text in pairs(type(cache.tpl) == 'table' and cache.tpl or {}) do
        add('template', file, join(server.options.app_dir or '.', 'templates', file), text)
    end
    for path, text in pairs(type(cache.static) == 'table' and cache.static or {}) do
        add('static', path, path, text)
    end
    for name, controller in pairs(cache) do
        if type(name) == 'string' and not CACHES[name] then
            add('controller', name, controller_path(server, name), controller)
        end
    end
    table.sort(items, function(a, b)
        return a.kind < b.kind or a.kind == b.kind and a.key < b.key
    end)
    return items
end

--- The table of the cache for things of a kind.
local function cache_of(server, kind)
    return kind == 'template' and server.cache.tpl or kind == 'static' and server.cache.static or server.cache
end

--- The names of the controllers that routes have and the cache has not.
-- @treturn {{name, path},...}
local function unused_controllers(server)
    local items, seen = {}, {}
    for _, route in pairs(server.routes) do
        local name = type(route) == 'table' and route.controller
        if type(name) == 'string' and server.cache[name] == nil and not seen[name] then
            seen[name] = true
            table.insert(items, {name = name, path = controller_path(server, name)})
        end
    end
    return items
end

return {
    CACHES = CACHES,
    cache_of = cache_of,
    cached = cached,
    list = list,
    unused_controllers = unused_controllers,
}
