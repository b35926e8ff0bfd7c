--- Adapter: the routes, hooks and helpers of an HTTP server (of the `http` rock).
--
-- New code gets a staging proxy of the server. The proxy has its own tables of routes,
-- hooks and helpers, and forwards everything else to the live server. So the methods of
-- the rock work on the proxy unchanged. At the commit, the live server gets these
-- tables in one step. From then on the proxy forwards everything, because code may
-- still hold it.

local Http = {name = 'http'}
Http.__index = Http

-- The fields of a server that are staged: its tables of handlers.
local STAGED = {'routes', 'iroutes', 'hooks', 'helpers'}
-- The methods that change the staged fields. The live server's own methods are wrapped,
-- too, because new code may have kept a reference to that server.
local METHODS = {'route', 'delete', 'hook', 'helper'}

--- Creates the adapter of one server.
-- @tparam table txn the transaction
-- @tparam table live the server
local function new(txn, live)
    return setmetatable({txn = txn, live = live, keys = {}}, Http)
end

--- Returns the routes of a server as a list without gaps.
-- @tparam table routes the server's table of routes, which may have gaps
local function list_routes(routes)
    local indexes, count, list = {}, 0, {}
    for index in pairs(routes) do
        if type(index) == 'number' then
            count = count + 1
            indexes[count] = index
        end
    end
    -- If `routes` has no gaps, its indexes are 1, 2, ... and need no sorting. Gaps are
    -- rare, and the commit must be short.
    if count ~= #routes then
        table.sort(indexes)
    end
    for i = 1, count do
        list[i] = routes[count == #routes and i or indexes[i]]
    end
    return list
end

local function index_names(routes)
    local iroutes = {}
    for index, route in ipairs(routes) do
        if route.name ~= nil then
            iroutes[route.name] = index
        end
    end
    return iroutes
end

--- Returns the key of a route: its method and path.
function Http:key_of(route)
    local key = self.keys[route]
    if key == nil then
        key = tostring(route.method) .. ' ' .. tostring(route.path)
        self.keys[route] = key
    end
    return key
end

--- Returns whether a route was registered by application code that is being replaced.
function Http:is_old(route)
    if self.txn.ownership:wraps_old(route.sub) then
        return true
    end
    -- If the handler is a library function, it does not tell which code registered the
    -- route. For a route registered during a reload, the state table lists the files of
    -- that reload. The route is old if all of these files are being reloaded again.
    local files = self.txn.stash.routes[route]
    if files == nil or not self:is_anonymous(route) then
        return false
    end
    for file in pairs(files) do
        if not self.txn.ownership.files[file] then
            return false
        end
    end
    return true
end

--- Returns whether the handler of a route is a library function. This is the case if
-- the route names a template or a controller instead of a function.
function Http:is_anonymous(route)
    return type(route.sub) == 'function'
        and debug.getinfo(route.sub, 'S').source == self.library
end

function Http:snapshot()
    self.before = {}
    for _, field in ipairs(STAGED) do
        self.before[field] = table.copy(self.live[field])
    end
    self.fields, self.options = table.copy(self.live), {}
    if type(self.live.options) == 'table' then
        self.options = table.copy(self.live.options)
    end
    self.library = debug.getinfo(self.live.route, 'S').source
    -- `seen` has all existing routes. `kept` and `unowned` have those that do not belong
    -- to old code. The commit keeps a route in `kept` unless new code deletes that route.
    -- The commit keeps a route in `unowned` unless new code registers a route with the
    -- same method and path.
    self.seen, self.kept, self.unowned = {}, {}, {}
    for _, route in ipairs(list_routes(self.live.routes)) do
        self.seen[route] = true
        self:key_of(route)
        if not self:is_old(route) then
            local set = self:is_anonymous(route) and self.unowned or self.kept
            set[route] = true
        end
    end
end

--- Creates the staging proxy.
-- @treturn table the server that new code gets
function Http:stage()
    local live = self.live
    local own = {hooks = {}, helpers = {}, routes = {}}
    for _, route in ipairs(list_routes(live.routes)) do
        if self.kept[route] then
            table.insert(own.routes, route)
        end
    end
    own.iroutes = index_names(own.routes)
    for _, field in ipairs({'hooks', 'helpers'}) do
        for name, f in pairs(live[field]) do
            if not self.txn.ownership:wraps_old(f) then
                own[field][name] = f
            end
        end
    end
    self.own = own
    self.base = {hooks = table.copy(own.hooks), helpers = table.copy(own.helpers)}
    self.proxy = setmetatable(own, {
        __index = live,
        __newindex = function(_, key, value)
            live[key] = value
        end,
    })
    self.methods = {}
    for _, name in ipairs(METHODS) do
        local method = live[name]
        if type(method) == 'function' then
            local txn, proxy = self.txn, self.proxy
            local function staged_method(server, ...)
                -- A proxy from an earlier reload shares the live route table. Treat it
                -- as the live server.
                local is_live = server == live or type(server) == 'table' and server.routes == live.routes
                if is_live and txn.staging and txn.ownership:is_asking() then
                    method(proxy, ...)
                    return server
                end
                return method(server, ...)
            end
            self.methods[name] = {original = method, staged = staged_method}
            live[name] = staged_method
        end
    end
    return self.proxy
end

local function unstage(self)
    for name, method in pairs(self.methods or {}) do
        if self.live[name] == method.staged then
            self.live[name] = method.original
        end
    end
end

--- Merges the live routes with the routes of new code.
--
-- Kept routes stay in order, including those of the main script (see
-- `Transaction:keeps_registration`). New routes take the positions of removed routes,
-- in order of registration. If there are more new routes than removed ones, the
-- remaining new routes come last.
--
-- So if the code is unchanged, every route keeps its position. The position matters:
-- the first matching route wins, and two routes that match may have different owners.
-- @treturn {table,...} routes
-- @treturn table {added, replaced, removed}: numbers of routes
-- @treturn {table,...} the routes of new code
function Http:merge()
    local staged, deleted = {}, {}
    for route in pairs(self.kept) do
        deleted[route] = true
    end
    for _, route in ipairs(list_routes(self.own.routes)) do
        deleted[route] = nil
        if not self.kept[route] then
            table.insert(staged, route)
        end
    end
    local new_keys = {}
    for _, route in ipairs(staged) do
        new_keys[self:key_of(route)] = true
    end

    local merged, taken = {}, 0
    local counts = {added = 0, replaced = 0, removed = 0}
    local old_keys = {}
    for _, route in ipairs(list_routes(self.live.routes)) do
        local key = self:key_of(route)
        if deleted[route] then
            counts.removed = counts.removed + 1
        elseif self.kept[route] or (self.unowned[route] and not new_keys[key])
        or (not self.seen[route] and not self:is_old(route))
        or (not new_keys[key] and self:keeps(route)) then
            table.insert(merged, route)
        else
            old_keys[key] = true
            if not new_keys[key] then
                counts.removed = counts.removed + 1
            end
            if taken < #staged then
                taken = taken + 1
                table.insert(merged, staged[taken])
            end
        end
    end
    for i = taken + 1, #staged do
        table.insert(merged, staged[i])
    end
    for _, route in ipairs(staged) do
        local what = old_keys[self:key_of(route)] and 'replaced' or 'added'
        counts[what] = counts[what] + 1
    end
    return merged, counts, staged
end

--- Returns the routes that the server is expected to have after the commit.
-- @treturn {table,...} routes
-- @treturn table set of the routes that new code has registered
function Http:outlook()
    local routes, staged, new_keys = {}, {}, {}
    for _, route in ipairs(list_routes(self.own.routes)) do
        table.insert(routes, route)
        if not self.kept[route] then
            staged[route], new_keys[self:key_of(route)] = true, true
        end
    end
    for route in pairs(self.unowned) do
        if not new_keys[self:key_of(route)] then
            table.insert(routes, route)
        end
    end
    return routes, staged
end

function Http:list_new(functions)
    for _, route in ipairs(list_routes(self.own.routes)) do
        if not self.kept[route] then
            table.insert(functions, route.sub)
        end
    end
    for _, field in ipairs({'hooks', 'helpers'}) do
        for name, f in pairs(self.own[field]) do
            if self.base[field][name] ~= f then
                table.insert(functions, f)
            end
        end
    end
end

--- Returns whether to keep an old route that new code has not registered again, see
-- `Transaction:keeps_registration`.
function Http:keeps(route)
    return self.txn.stash.routes[route] == nil and type(route.sub) == 'function'
        and self.txn:keeps_registration(route.sub, self:key_of(route))
end

function Http:commit()
    unstage(self)
    local live, own = self.live, self.own
    local routes, counts, staged = self:merge()
    -- Assign new tables, because the rock iterates with `pairs`, which may visit
    -- entries out of order in a list that once had gaps.
    live.routes, live.iroutes = routes, index_names(routes)
    for _, field in ipairs({'hooks', 'helpers'}) do
        for name, f in pairs(self.before[field]) do
            if self.base[field][name] == nil and live[field][name] == f
            and not self.txn:keeps_registration(f, field .. ' ' .. name) then
                live[field][name] = nil
            end
        end
        for name, f in pairs(own[field]) do
            if self.base[field][name] ~= f then
                live[field][name] = f
                self.txn:record_registration(f, field .. ' ' .. name)
            end
        end
        for name, f in pairs(self.base[field]) do
            if own[field][name] == nil and live[field][name] == f then
                live[field][name] = nil
            end
        end
    end
    for _, route in ipairs(staged) do
        self.txn.stash.routes[route] = self.txn.ownership.files
    end
    self:release()
    self.counts = counts
end

--- After a rollback has restarted old roles, copies their routes, hooks and helpers from
-- the proxy to the live server. A route replaces the live route with the same method and
-- path, unless that live route is in `kept` (see `snapshot`).
function Http:revive()
    unstage(self)
    local routes, places = list_routes(self.live.routes), {}
    for index, route in ipairs(routes) do
        if not self.kept[route] then
            local key = self:key_of(route)
            places[key] = places[key] or {}
            table.insert(places[key], index)
        end
    end
    for _, route in ipairs(list_routes(self.own.routes)) do
        if not self.kept[route] then
            local free = places[self:key_of(route)] or {}
            routes[table.remove(free, 1) or #routes + 1] = route
        end
    end
    self.live.routes, self.live.iroutes = routes, index_names(routes)
    for _, field in ipairs({'hooks', 'helpers'}) do
        for name, f in pairs(self.own[field]) do
            self.live[field][name] = f
        end
    end
    self:release()
end

--- Removes the proxy's own tables of routes, hooks and helpers. From then on the proxy
-- forwards everything to the live server.
function Http:release()
    for _, field in ipairs(STAGED) do
        rawset(self.own, field, nil)
    end
end

function Http:mark()
    local before = {}
    for _, field in ipairs(STAGED) do
        before[field] = table.copy(self.own[field])
    end
    return function()
        for _, field in ipairs(STAGED) do
            rawset(self.own, field, before[field])
        end
    end
end

--- Drops all staged routes, hooks and helpers.
function Http:discard()
    unstage(self)
    self:release()
end

--- Restores the server's options, and other fields to which new code has assigned
-- functions. The proxy forwards these assignments, so they have already changed the
-- live server.
local function restore_fields(self, undone)
    local live, ownership = self.live, self.txn.ownership
    local seen_elsewhere = {options = true}
    for _, field in ipairs(STAGED) do
        seen_elsewhere[field] = true
    end
    for key, value in pairs(table.copy(live)) do
        if not seen_elsewhere[key] and ownership:wraps_new(value) then
            rawset(live, key, self.fields[key])
            table.insert(undone, ('http %s'):format(tostring(key)))
        end
    end
    local options = self.fields.options
    if type(options) ~= 'table' then
        return
    elseif not rawequal(live.options, options) then
        live.options = options
        table.insert(undone, 'http options')
    end
    for _, keys in ipairs({table.copy(options), self.options}) do
        for key in pairs(keys) do
            local before, now = self.options[key], options[key]
            if not rawequal(before, now) and not ownership:wraps_old(now) then
                options[key] = before
                table.insert(undone, ('http option %s'):format(tostring(key)))
            end
        end
    end
end

--- Reverts the changes that new code has made directly to the live server.
function Http:rollback(undone)
    unstage(self)
    restore_fields(self, undone)
    local live, ownership = self.live, self.txn.ownership
    local routes, strays = {}, 0
    for _, route in ipairs(list_routes(live.routes)) do
        if self.seen[route] or not ownership:wraps_new(route.sub) then
            table.insert(routes, route)
        else
            strays = strays + 1
        end
    end
    if strays > 0 then
        live.routes, live.iroutes = routes, index_names(routes)
        table.insert(undone, ('%d http routes'):format(strays))
    end
    for _, field in ipairs({'hooks', 'helpers'}) do
        for name, f in pairs(table.copy(live[field])) do
            if ownership:wraps_new(f) then
                live[field][name] = self.before[field][name]
                table.insert(undone, ('http %s %s'):format(field, name))
            end
        end
        for name, f in pairs(self.before[field]) do
            if live[field][name] == nil then
                live[field][name] = f
                table.insert(undone, ('http %s %s'):format(field, name))
            end
        end
    end
end

return {new = new}
