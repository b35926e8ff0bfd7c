--- Adapter: files that servers of the `http` rock have read and cached (see
-- `platform.http_servers`): controllers, templates and static files.
--
-- A controller is application code, although it is not in `package.loaded`. A server
-- loads a controller on the first request for it. A reload loads new controllers after
-- the new roles have started, and caches them at the commit. It also removes the cached
-- texts of templates and static files, so that the next request reads these files
-- again.

local require = ...
local catalog = require('code.catalog')
local failure = require('core.failure')
local servers_lib = require('platform.http_servers')
local yield = require('core.yield')

-- The number of bytes to read at a time when a file is compared with its cached text.
local CHUNK = 256 * 1024

local Files = {name = 'http_files'}
Files.__index = Files

--- Returns whether a file belongs to the application and is selected for the reload.
local function is_chosen(item, select_kind)
    if item.path == nil or not catalog.is_application_path(item.path) then
        return false
    end
    return item.kind ~= 'controller'
        or package.preload[item.key] == nil and select_kind(item.key, 'app') == 'app'
end

--- Finds cached files, and the files of controllers that are named by a route but not
-- loaded yet. May yield.
-- @tparam function select_kind see `catalog.choose`
-- @treturn {table,...} {server, kind, key, path, value, is_gone}, see
--   `http_servers.cached`. A controller that is not loaded has no `value`. `is_gone` is
--   set if a controller is loaded but its file no longer exists. The list also has the
--   field `servers`, a list of all servers.
local function find(select_kind)
    local list = {servers = servers_lib.list()}
    for _, server in ipairs(list.servers) do
        local known = {}
        for _, item in ipairs(servers_lib.cached(server)) do
            yield.if_due()
            item.server = server
            if item.kind == 'controller' then
                known[item.key] = true
                if item.path == nil and not catalog.has_custom_loader() then
                    item.path, item.is_gone = catalog.vanished_file(item.value), true
                end
            end
            if is_chosen(item, select_kind) then
                table.insert(list, item)
            end
        end
        for _, named in ipairs(servers_lib.named_controllers(server.routes)) do
            yield.if_due()
            local item = {
                server = server,
                kind = 'controller',
                key = named.name,
                path = servers_lib.controller_path(server.options, named.name),
            }
            if not known[named.name] and is_chosen(item, select_kind) then
                table.insert(list, item)
            end
        end
    end
    return list
end

--- Returns whether the content of a file is equal to a text. Yields.
local function has_text(path, text)
    local file = type(text) == 'string' and io.open(path, 'rb')
    if not file then
        return false
    end
    local at, part = 1
    repeat
        part = file:read(CHUNK) or ''
        local is_same = part == text:sub(at, at + CHUNK - 1)
        at = at + #part
        yield.if_due()
    until not is_same or part == ''
    file:close()
    return part == '' and at > #text
end

--- Determines whether a file has changed. Also compiles the file if it is a controller.
-- May yield.
-- @tparam table item from `find`. The function sets the field `changed` (nil if
--   unknown). For a controller, it also sets the fields that `catalog.compile` sets.
-- @tparam table stash the state table
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string error
local function check(item, stash)
    if item.kind ~= 'controller' then
        item.changed = not has_text(item.path, item.value)
        return true
    elseif item.is_gone then
        item.changed = true
        return true
    end
    local ok, err = catalog.compile(item, stash)
    if item.value == nil then
        -- No request has loaded the controller yet, so there is no old code that could
        -- differ.
        item.changed = false
    end
    return ok, err
end

--- Returns the name of a controller in reports. A controller has no module name.
local function label(item)
    return 'controller ' .. item.key
end

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam {table,...} items result of `find`, already checked by `check`
-- @tparam function select_kind see `catalog.choose`
local function new(txn, items, select_kind)
    return setmetatable({
        txn = txn,
        items = items,
        select_kind = select_kind,
        loaded = {},    -- server -> name -> new controller
    }, Files)
end

local function copy(value)
    return type(value) == 'table' and table.copy(value) or value
end

function Files:snapshot()
    self.servers, self.before, self.by_key = self.items.servers, {}, {}
    for _, server in ipairs(self.servers) do
        local cache = server.cache
        self.before[server] = {
            cache = cache,
            entries = copy(cache),
            tpl = copy(cache.tpl),
            static = copy(cache.static),
        }
        self.by_key[server] = {}
    end
    for _, item in ipairs(self.items) do
        if item.kind == 'controller' then
            self.by_key[item.server][item.key] = item
            -- Treat the loaded code of a controller as old, even if the file is not
            -- loaded again.
            if item.value ~= nil then
                self.txn.ownership:forget(item.path)
            end
        end
    end
end

local function raise(item, message)
    failure.raise({code = 'load_error', phase = 'load', module = item.key, message = message})
end

--- Returns the controller function that handles a route.
-- @treturn ?function nil if the controller has no such function
local function action_of(controller, route)
    local f = type(controller) == 'table' and controller[route.action]
    return type(f) == 'function' and f or nil
end

--- Loads a controller as the first request for it would load it.
-- @tparam table item the controller, see `find`
-- @tparam {table,...} routes the routes that refer to this controller
-- @tparam table staged set of the routes that new code has registered
local function load(self, item, routes, staged)
    local txn = self.txn
    if item.chunk == nil then
        local ok, err = catalog.compile(item, txn.stash)
        if not ok then
            raise(item, err)
        end
    end
    txn.ownership:record(item.chunk, item.path)
    txn.module = item.key
    local ok, value, traceback = txn:call(item.chunk, item.key)
    if not ok then
        failure.raise(failure.from(value, {code = 'load_error', phase = 'load', module = item.key}, traceback))
    elseif type(value) ~= 'table' then
        raise(item, ('controller %s did not return a table'):format(item.path))
    end
    txn.module = nil
    for _, route in ipairs(routes) do
        if action_of(value, route) == nil and (staged[route] or action_of(item.value, route) ~= nil) then
            raise(item, ('route %s %s needs function %s, which %s does not define')
                :format(tostring(route.method), tostring(route.path), tostring(route.action), item.path))
        end
    end
    self.loaded[item.server][item.key] = value
    item.new_value = value
    -- `txn:check` throws if the deadline has passed.
    txn:check()
    txn:pause()
end

--- Loads the controllers that a server's routes will name after the commit. Skips a
-- controller that was not loaded before, unless new code has registered a route that
-- names it.
-- @tparam table server
-- @tparam {table,...} routes the routes that the server will have
-- @tparam table staged set of the routes that new code has registered
-- @tparam table options the options that the server will have
local function load_of_server(self, server, routes, staged, options)
    local by_key = self.by_key[server]
    self.loaded[server] = {}
    for _, named in ipairs(servers_lib.named_controllers(routes)) do
        local item = by_key[named.name]
            or {server = server, kind = 'controller', key = named.name}
        local is_needed = item.value ~= nil
        for _, route in ipairs(named.routes) do
            is_needed = is_needed or staged[route]
        end
        local was_cached = server.cache[named.name] ~= nil
        item.path = servers_lib.controller_path(options, named.name)
        if item.path == nil and is_needed and (item.value ~= nil or not was_cached)
            and package.preload[named.name] == nil and not catalog.has_custom_loader() then
            raise(item, ('route %s %s needs controller %s, whose file was not found'):format(
                tostring(named.routes[1].method), tostring(named.routes[1].path), named.name))
        elseif is_needed and options.cache_controllers and is_chosen(item, self.select_kind) then
            by_key[named.name] = item
            load(self, item, named.routes, staged)
        end
    end
end

--- Loads the new controllers. Must be called after the new roles have started. May
-- yield.
-- @tparam table servers the `http_servers` adapter
function Files:load(servers)
    for _, server in ipairs(self.servers) do
        local routes, staged, options = servers:outlook(server)
        load_of_server(self, server, routes, staged, options)
    end
end

--- Returns the replaced controllers.
-- @treturn {table,...} {name, path, old, new}
function Files:replaced()
    local list = {}
    for _, items in pairs(self.by_key) do
        for _, item in pairs(items) do
            if item.new_value ~= nil and item.value ~= nil then
                table.insert(list, {name = label(item), path = item.path, old = item.value, new = item.new_value})
            end
        end
    end
    return list
end

local function remove_texts(texts, path_of)
    for key in pairs(type(texts) == 'table' and table.copy(texts) or {}) do
        if catalog.is_application_path(path_of(key)) then
            texts[key] = nil
        end
    end
end

--- Updates the cache of a server. Removes the controllers that are selected for the
-- reload, and those cached since the snapshot. Then adds the new controllers.
-- @tparam table server
-- @tparam boolean has_texts whether to remove the application's templates and static
--   files, too
local function clean(self, server, has_texts)
    local cache, before = server.cache, self.before[server]
    for name in pairs(table.copy(cache)) do
        local is_kept = before.entries[name] ~= nil and self.by_key[server][name] == nil
        if type(name) == 'string' and not servers_lib.CACHES[name] and not is_kept then
            cache[name] = self.loaded[server] and self.loaded[server][name]
        end
    end
    for name, controller in pairs(self.loaded[server] or {}) do
        cache[name] = controller
    end
    if has_texts then
        remove_texts(cache.tpl, function(file)
            return tostring(server.options.app_dir) .. '/' .. tostring(file)
        end)
        remove_texts(cache.static, tostring)
    end
end

function Files:commit()
    for _, server in ipairs(self.servers) do
        clean(self, server, true)
    end
end

--- Removes the cache entries that old code has added since the commit. Requests that
-- started before the commit may still be running.
function Files:settle()
    for _, server in ipairs(self.servers) do
        clean(self, server, false)
    end
end

--- Records the digests of all controllers' files in the state table, including those of
-- controllers that no request has loaded yet.
function Files:remember()
    local files = self.txn.stash.files
    for _, items in pairs(self.by_key or {}) do
        for _, item in pairs(items) do
            files[item.path or ''] = item.digest
        end
    end
end

local function restore(entries, now, undone, text)
    for key, value in pairs(type(entries) == 'table' and entries or {}) do
        if not rawequal(now[key], value) then
            now[key] = value
            table.insert(undone, text:format(tostring(key)))
        end
    end
end

local function is_new_controller(ownership, value)
    for _, f in pairs(type(value) == 'table' and value or {}) do
        if ownership:is_new(f) then
            return true
        end
    end
    return false
end

function Files:rollback(undone)
    for _, server in ipairs(self.servers or {}) do
        local before = self.before[server]
        if not rawequal(server.cache, before.cache) then
            rawset(server, 'cache', before.cache)
            table.insert(undone, 'http cache')
        end
        local cache = before.cache
        restore(before.entries, cache, undone, 'http cache: %s')
        restore(before.tpl, cache.tpl, undone, 'http cache: template %s')
        restore(before.static, cache.static, undone, 'http cache: static file %s')
        for name, value in pairs(table.copy(cache)) do
            if before.entries[name] == nil and is_new_controller(self.txn.ownership, value) then
                cache[name] = nil
                table.insert(undone, ('http cache: %s'):format(tostring(name)))
            end
        end
    end
end

--- Returns the report entry for a file.
local function describe(item)
    return {path = item.path, module = 'http.server', changed = item.changed}
end

return {
    check = check,
    describe = describe,
    find = find,
    new = new,
}
