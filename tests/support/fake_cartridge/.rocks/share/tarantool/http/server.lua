-- Test stand-in for http.server 1.9, written from its documented and observed
-- behaviour.  What a hot reload can see has the same shape: a server object
-- with routes (an array), iroutes (route name to index), hooks, helpers and
-- options; routes with method, path, name, match, stash and sub.
--
-- A template knows `<%= expression %>` only.  Not here: TLS and cookies.

local codes = require('http.codes')
local errno = require('errno')
local fio = require('fio')
local json = require('json')
local log = require('log')
local socket = require('socket')

local DETACHED = 101
local METHODS = {
    GET = true, HEAD = true, POST = true, PUT = true, DELETE = true,
    PATCH = true,
}
local HEADER_END = {delimiter = {'\r\n\r\n', '\n\n'}}
local SERVER_NAME = 'Tarantool http (tarantool v' .. _TARANTOOL .. ')'

local function fail(fmt, ...)
    error(fmt:format(...), 3)
end

local function unescape(text)
    return (text:gsub('%%(%x%x)', function(hex)
        return string.char(tonumber(hex, 16))
    end))
end

local function escape(text)
    return (tostring(text):gsub('[^%w_]', function(char)
        return ('%%%02X'):format(char:byte())
    end))
end

local function parse_params(text)
    local params = {}
    for pair in (text or ''):gmatch('[^&]+') do
        local name, value = pair:match('^([^=]*)=?(.*)$')
        params[unescape((name:gsub('+', ' ')))] =
            unescape((value:gsub('+', ' ')))
    end
    return params
end

-- Requests and responses --------------------------------------------------

local request = {}
local request_mt = {
    __index = request,
    __tostring = function(self)
        return self:request_line() .. '\r\n'
    end,
}
local response_mt = {__index = {}}

function request:request_line()
    local target = self.path
    if self.query ~= '' then
        target = target .. '?' .. self.query
    end
    return ('%s %s HTTP/%d.%d'):format(self.method, target, self.proto[1],
        self.proto[2])
end

function request:content_type()
    local header = self.headers['content-type']
    return header and header:match('^([^;]*)')
end

function request:read(opts, timeout)
    if self._remaining == nil then
        self._remaining = tonumber(self.headers['content-length']) or 0
    end
    if self._remaining == 0 then
        return ''
    end
    local wanted = type(opts) == 'number' and opts or self._remaining
    local data = self.s:read(math.min(wanted, self._remaining), timeout)
    if data == nil then
        self._remaining = 0
        return ''
    end
    self._remaining = self._remaining - #data
    return data
end

function request:read_cached()
    if self.cached_data == nil then
        self.cached_data = self:read()
    end
    return self.cached_data
end

function request:json()
    local ok, value = pcall(json.decode, self:read_cached())
    if not ok then
        fail("Can't decode json in request: %s", value)
    end
    return value
end

function request:query_param(name)
    if self.query_params == nil then
        self.query_params = parse_params(self.query)
    end
    if name == nil then
        return self.query_params
    end
    return self.query_params[name]
end

function request:post_param(name)
    if self.post_params == nil then
        if self:content_type() == 'application/json' then
            self.post_params = self:json()
        else
            self.post_params = parse_params(self:read_cached())
        end
    end
    if name == nil then
        return self.post_params
    end
    return self.post_params[name]
end

function request:param(name)
    if name ~= nil then
        local value = self:post_param(name)
        if value == nil then
            value = self:query_param(name)
        end
        return value
    end
    local all = table.copy(self:post_param())
    for k, v in pairs(self:query_param()) do
        all[k] = v
    end
    return all
end

function request:stash(name, ...)
    if select('#', ...) > 0 then
        self.tstash[name] = (...)
    end
    return self.tstash[name]
end

function request:url_for(name, args, query)
    if name == 'current' then
        return self.endpoint:url_for(args, query)
    end
    return self.httpd:url_for(name, args, query)
end

function request:redirect_to(name, args, query)
    return setmetatable({
        status = 302,
        headers = {location = self:url_for(name, args, query)},
    }, response_mt)
end

-- Returns the contents of a file of the application, from the server's cache if its
-- options allow that.
local function read_file(cache, is_cached, key, path)
    if is_cached and cache[key] ~= nil then
        return cache[key]
    end
    local file = fio.open(path, {'O_RDONLY'})
    if file == nil then
        return nil
    end
    local text = file:read()
    file:close()
    if is_cached then
        cache[key] = text
    end
    return text
end

local function join(dir, ...)
    return (table.concat({dir, ...}, '/'):gsub('//+', '/'))
end

-- Renders the template of a route.
local function render_template(req, values)
    local server, route = req.httpd, req.endpoint
    local text = route.template
    if text == nil then
        local name = route.file or route.controller
            and ('%s/%s.%s.el'):format(route.controller:gsub('[.]', '/'), route.action, req.tstash.format)
        if name == nil then
            fail("Can not find template for '%s'", route.path)
        end
        text = read_file(server.cache.tpl, server.options.cache_templates, name,
            join(server.options.app_dir, 'templates', name))
        if text == nil then
            fail("Can not load template for '%s'", route.path)
        end
    end
    return (text:gsub('<%%=(.-)%%>', function(expression)
        local chunk = assert(loadstring('return ' .. expression))
        return tostring(setfenv(chunk, setmetatable(values, {__index = _G}))())
    end))
end

function request:render(opts)
    local response = setmetatable({headers = {}}, response_mt)
    local charset = self.httpd.options.charset
    local suffix = charset and ('; charset=' .. charset) or ''
    opts = opts or {}
    if opts.text ~= nil then
        response.headers['content-type'] = 'text/plain' .. suffix
        response.body = tostring(opts.text)
    elseif opts.json ~= nil then
        response.headers['content-type'] = 'application/json' .. suffix
        response.body = json.encode(opts.json)
    elseif opts.data ~= nil then
        response.body = tostring(opts.data)
    else
        response.body = render_template(self, opts)
        response.headers['content-type'] = 'text/html' .. suffix
    end
    return response
end

-- Routes ------------------------------------------------------------------

-- Converts "/item/:id/*rest" to an anchored Lua pattern and the list of names.
local function compile_path(path)
    local names, seen = {}, {}
    local pattern = path:gsub('-', '[-]')
    pattern = pattern:gsub('([:*])([%a_][%w_]*)', function(kind, name)
        if seen[name] then
            fail('duplicate stash: %s', name)
        end
        seen[name] = true
        table.insert(names, name)
        return kind == ':' and '([^/]-)' or '(.-)'
    end)
    if pattern:sub(1, 1) ~= '/' then
        pattern = '/' .. pattern
    end
    if pattern:sub(-1) ~= '/' then
        pattern = pattern .. '/'
    end
    return '^' .. pattern .. '$', names
end

local function route_url(route, args, query)
    local url = route.path
    for _, name in pairs(route.stash) do
        local value = args and args[name] or ''
        url = url:gsub('[:*]' .. name, (tostring(value):gsub('%%', '%%%%')), 1)
    end
    if type(query) == 'table' then
        local separator = '?'
        for k, v in pairs(query) do
            url = url .. separator .. escape(k) .. '=' .. escape(v)
            separator = '&'
        end
    elseif query ~= nil then
        url = url .. '?' .. query
    end
    return url:sub(1, 1) == '/' and url or '/' .. url
end

local server = {}

-- Runs a function of a controller: a module that is looked for in the folder of the
-- controllers first, and that only the cache of the server keeps.
local function call_controller(req)
    local httpd, name, action = req.httpd, req.endpoint.controller, req.endpoint.action
    local controller = httpd.options.cache_controllers and httpd.cache[name]
    if not controller then
        local folder, path = join(httpd.options.app_dir, 'controllers'), package.path
        package.path = ('%s/?.lua;%s/?/init.lua;%s'):format(folder, folder, path)
        local ok, result = pcall(require, name)
        package.path, package.loaded[name] = path, nil
        if not ok then
            fail("Can't load module '%s': %s", name, result)
        elseif type(result) ~= 'table' then
            fail("require '%s' didn't return table", name)
        end
        controller = result
    end
    if type(controller[action]) ~= 'function' then
        fail("Controller '%s' doesn't contain function '%s'", name, action)
    end
    if httpd.options.cache_controllers then
        httpd.cache[name] = controller
    end
    return controller[action](req)
end

function server:route(opts, handler)
    if type(self) ~= 'table' or type(opts) ~= 'table' then
        fail('Usage: httpd:route({ ... }, function(cx) ... end)')
    end
    local route = table.copy(opts)
    if type(handler) == 'string' then
        route.controller, route.action = handler:match('^(.+)#(.*)$')
        if route.controller == nil then
            fail("Wrong controller format '%s', must be 'module#action'", handler)
        end
        handler = call_controller
    elseif handler ~= nil and type(handler) ~= 'function' then
        fail('wrong argument: expected function, but received %s',
            type(handler))
    end
    if route.path == nil then
        fail('path is not defined')
    end
    local method = tostring(route.method or 'ANY'):upper()
    route.method = METHODS[method] and method or 'ANY'
    route.match, route.stash = compile_path(route.path)
    route.sub = handler or request.render
    route.url_for = route_url
    if route.name ~= nil then
        if route.name == 'current' then
            fail("Route can not have name 'current'")
        end
        if self.iroutes[route.name] ~= nil then
            fail("Route with name '%s' is already exists", route.name)
        end
    end
    table.insert(self.routes, route)
    if route.name ~= nil then
        self.iroutes[route.name] = #self.routes
    end
    return self
end

-- Only a named route can be deleted; the following ones move up.
function server:delete(name)
    local index = self.iroutes[name]
    if index == nil then
        return
    end
    table.remove(self.routes, index)
    self.iroutes[name] = nil
    for i, route in ipairs(self.routes) do
        if route.name ~= nil then
            self.iroutes[route.name] = i
        end
    end
end

-- Of the matching routes, the one with the fewest stashes wins, then one with the
-- exact method rather than ANY, then the first.
function server:match(method, path)
    if path:sub(1, 1) ~= '/' then
        path = '/' .. path
    end
    if path:sub(-1) ~= '/' then
        path = path .. '/'
    end
    method = method:upper()
    local best, captures
    -- Uses pairs: the array may have holes after a reload by Cartridge.
    for _, route in pairs(self.routes) do
        if route.method == method or route.method == 'ANY' then
            local found = {path:match(route.match)}
            local count = #route.stash
            if found[1] ~= nil and (count == 0 or count == #found) then
                local better = best == nil or count < #best.stash
                    or (best.method == 'ANY' and route.method ~= 'ANY')
                if better then
                    best, captures = route, found
                end
            end
        end
    end
    if best == nil then
        return nil
    end
    local stash = {}
    for i, name in ipairs(best.stash) do
        stash[name] = captures[i]
    end
    return {endpoint = best, stash = stash}
end

function server:hook(name, f)
    if f ~= nil and type(f) ~= 'function' then
        fail('Wrong type for hook function: %s', type(f))
    end
    self.hooks[name] = f
    return self
end

function server:helper(name, f)
    if f ~= nil and type(f) ~= 'function' then
        fail('Wrong type for helper function: %s', type(f))
    end
    self.helpers[name] = f
    return self
end

function server:url_for(name, args, query)
    local index = self.iroutes[name]
    if index ~= nil then
        return self.routes[index]:url_for(args, query)
    end
    if name:find('^https?://') or name:sub(1, 1) == '/' then
        return name
    end
    return '/' .. name
end

-- Handling requests -------------------------------------------------------

-- options.handler: finds the route and runs its handler between the hooks.
local function dispatch(self, req)
    if self.hooks.before_dispatch ~= nil then
        self.hooks.before_dispatch(self, req)
    end
    local found = self:match(req.method, req.path)
    if found == nil then
        local path = join(self.options.app_dir, 'public', req.path)
        local text = read_file(self.cache.static, self.options.cache_static, path, path)
        return {status = text and 200 or 404, body = text}
    end
    req.endpoint = found.endpoint
    req.tstash = found.stash
    req.tstash.format = req.path:match('[.]([^.]+)$') or 'html'
    local response = found.endpoint.sub(req)
    if self.hooks.after_dispatch ~= nil then
        self.hooks.after_dispatch(req, response)
    end
    return response
end

local function parse_head(head)
    local method, target, major, minor, at =
        head:match('^(%u+) (%S+) HTTP/(%d)%.(%d)\r?\n()')
    if method == nil then
        return nil
    end
    local headers = {}
    for name, value in head:sub(at):gmatch('([^:\r\n]+):[ \t]*([^\r\n]*)') do
        headers[name:lower()] = value
    end
    local path, query = target:match('^([^?]*)%??(.*)$')
    path = unescape(path)
    if path:sub(1, 1) ~= '/' then
        return nil
    end
    return {
        method = method,
        path = path,
        path_raw = path,
        query = query,
        proto = {tonumber(major), tonumber(minor)},
        headers = headers,
        body = '',
    }
end

local function keeps_alive(req)
    local asked = (req.headers.connection or ''):lower()
    if req.proto[1] == 1 and req.proto[2] == 1 then
        return asked == '' or asked == 'keep-alive'
    end
    return req.proto[1] == 1 and asked == 'keep-alive'
end

local function ucfirst(name)
    return name:sub(1, 1):upper() .. name:sub(2)
end

local function format_head(status, headers)
    local lines = {('HTTP/1.1 %d %s\r\n'):format(status,
        codes[status] or 'Unknown code ' .. status)}
    for name, value in pairs(headers) do
        for _, one in pairs(type(value) == 'table' and value or {value}) do
            table.insert(lines, ('%s: %s\r\n'):format(ucfirst(name), one))
        end
    end
    table.insert(lines, '\r\n')
    return table.concat(lines)
end

local function write_chunks(s, body)
    for _, part in body.gen, body.param, body.state do
        part = tostring(part)
        if not s:write(('%x\r\n%s\r\n'):format(#part, part)) then
            return false
        end
    end
    return s:write('0\r\n\r\n') ~= nil
end

-- Runs the handler; returns nil if the handler has detached the connection.
local function respond(self, req)
    local ok, response = pcall(self.options.handler, self, req)
    req:read()
    if not ok then
        if self.options.log_errors then
            log.error('unhandled error: %s\nrequest:\n%s', response, req)
        end
        return 500, {}, self.options.display_errors
            and 'Unhandled error: ' .. tostring(response) or 'Internal Error'
    end
    if response == DETACHED then
        return nil
    elseif response == nil then
        return 200, {}
    elseif type(response) ~= 'table' then
        error('invalid response')
    end
    local headers = {}
    for name, value in pairs(response.headers or {}) do
        headers[name:lower()] = value
    end
    return response.status or 200, headers, response.body
end

local function serve_connection(self, s, peer)
    while true do
        local head = s:read(HEADER_END, self.idle_timeout)
        if head == nil or head == '' then
            return
        end
        local req = parse_head(head)
        if req == nil then
            s:write('HTTP/1.0 400 Bad request\r\n\r\n')
            return
        end
        req.httpd, req.s, req.peer = self, s, peer
        setmetatable(req, request_mt)
        if req.headers.expect == '100-continue' then
            s:write('HTTP/1.0 100 Continue\r\n\r\n')
        end
        if self.options.log_requests then
            log.info('%s %s', req.method, req.path)
        end

        local status, headers, body = respond(self, req)
        if status == nil then
            return
        end
        if type(body) == 'function' then
            body = {gen = body}
        end
        local chunked = type(body) == 'table' and body.gen ~= nil
        if chunked then
            headers['transfer-encoding'] = 'chunked'
        else
            body = body == nil and '' or tostring(body)
            headers['content-length'] = #body
        end
        if headers['content-type'] == nil then
            headers['content-type'] = 'text/plain; charset=utf-8'
        end
        if headers.server == nil then
            headers.server = SERVER_NAME
        end
        local alive = keeps_alive(req)
        headers.connection = alive and 'keep-alive' or 'close'
        local text = format_head(status, headers)
        if not s:write(chunked and text or text .. body) then
            return
        end
        if chunked and not write_chunks(s, body) then
            return
        end
        if not alive then
            return
        end
    end
end

function server:start()
    local listener = self.tcp_server_f(self.host, self.port, {
        name = 'http',
        handler = function(s, peer)
            self.internal.preprocess_client_handler()
            serve_connection(self, s, peer)
            self.internal.postprocess_client_handler()
        end,
        http_server = self,
    })
    if listener == nil then
        fail("Can't create tcp_server: %s", errno.strerror())
    end
    self.is_run = true
    self.tcp_server = listener
    return self
end

-- Open connections stay open, as in the real server.
function server:stop()
    if not self.is_run then
        fail('server is already stopped')
    end
    self.is_run = false
    if self.tcp_server ~= nil then
        self.tcp_server:close()
        self.tcp_server = nil
    end
    return self
end

local function new(host, port, options)
    local merged = {
        max_header_size = 4096,
        header_timeout = 100,
        handler = dispatch,
        app_dir = '.',
        charset = 'utf-8',
        cache_templates = true,
        cache_controllers = true,
        cache_static = true,
        log_requests = true,
        log_errors = true,
        display_errors = false,
        disable_keepalive = {},
        idle_timeout = 0,
    }
    for name, value in pairs(options or {}) do
        merged[name] = value
    end
    local self = {
        host = host,
        port = port,
        is_run = false,
        use_tls = false,
        options = merged,
        routes = {},
        iroutes = {},
        helpers = {
            url_for = function(req, ...) return req:url_for(...) end,
        },
        hooks = {},
        cache = {tpl = {}, ctx = {}, static = {}},
        disable_keepalive = {},
        idle_timeout = options and options.idle_timeout,
        tcp_server_f = socket.tcp_server,
        internal = {
            preprocess_client_handler = function() end,
            postprocess_client_handler = function() end,
        },
    }
    -- The methods are fields of the object itself: it has no metatable.
    for name, method in pairs(server) do
        self[name] = method
    end
    return self
end

return {_VERSION = '1.9.0', DETACHED = DETACHED, new = new}
