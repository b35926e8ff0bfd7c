-- adapters/http_files.lua: controllers, templates and static files that a server
-- has cached.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.http_files')

package.path = fio.abspath('tests/support/fake_cartridge/.rocks/share/tarantool/?.lua') .. ';' .. package.path
local http_server = require('http.server')

lib.box()

local CONTROLLER = 'return {show = function() return {status = 200, body = "%s"} end}'

--- Creates a server with a directory for its files.
local function site()
    local dir = lib.directory()
    local httpd = http_server.new('127.0.0.1', 0, {log_requests = false, app_dir = dir})
    local self = {dir = dir, httpd = httpd}
    function self.write(path, text)
        lib.write(('%s/%s'):format(dir, path), text)
    end
    function self.controller(name, text)
        self.write(('controllers/%s.lua'):format(name), text)
    end
    function self.route(path, controller)
        httpd:route({path = path, method = 'GET'}, controller)
    end
    --- Returns the response to a request.
    function self.ask(path)
        local response = httpd.options.handler(httpd, {method = 'GET', path = path, httpd = httpd})
        return response.status == 200 and response.body or response.status
    end
    return self
end

local function everything()
    return 'app'
end

--- The files of a server, found and checked, and a transaction with the adapter.
-- @tparam table mine site
-- @tparam ?table stash
-- @tparam ?function select_kind
local function begin(mine, stash, select_kind)
    local servers_lib = lib.load('platform.http_servers')
    servers_lib.list = function() return {mine.httpd} end
    local load = lib.loader({['platform.http_servers'] = servers_lib})
    local http_files = load('adapters.http_files')
    local txn = lib.transaction(load, stash)
    local items = http_files.find(select_kind or everything)
    local problems = {}
    for _, item in ipairs(items) do
        local ok, err = http_files.check(item, txn.stash)
        if not ok then
            table.insert(problems, err)
        end
    end
    local servers = {outlook = function(_, server) return server.routes, {}, server.options end}
    local adapter = txn:add(http_files.new(txn, items, select_kind or everything))
    return {items = items, problems = problems, txn = txn, adapter = adapter, servers = servers}
end

--- Each file with what is known of it.
local function list(items)
    local texts = {}
    for _, item in ipairs(items) do
        table.insert(texts, ('%s %s %s'):format(item.kind, fio.basename(item.path), tostring(item.changed)))
    end
    return table.concat(texts, ', ')
end

--- A site that has answered a request for each of its files.
local function used_site()
    local mine = site()
    mine.controller('front', CONTROLLER:format('one'))
    mine.write('public/a.css', 'static one')
    mine.route('/c', 'front#show')
    mine.ask('/c')
    mine.ask('/a.css')
    mine.httpd.cache.tpl['x.html.el'] = 'template one'
    mine.write('templates/x.html.el', 'template one')
    return mine
end

local function failure_of(f, ...)
    local ok, err = pcall(f, ...)
    return not ok and tostring(err) or 'no failure'
end

case('all files that a server has cached or that routes name are found', function(t)
    local mine = used_site()
    mine.controller('rare', CONTROLLER:format('rare'))
    mine.route('/r', 'rare#show')
    local run = begin(mine)
    t:is(list(run.items), 'controller front.lua nil, static a.css false, template x.html.el false, '
        .. 'controller rare.lua false', 'with what is known of them')
end)

case('cached texts are compared with their files', function(t)
    local mine = used_site()
    mine.write('templates/x.html.el', 'template onE')
    mine.write('public/a.css', 'static one, and more')
    t:is(list(begin(mine).items), 'controller front.lua nil, static a.css true, template x.html.el true',
        'changed, and longer')
    mine.write('public/a.css', 'static')
    t:is(list(begin(mine).items), 'controller front.lua nil, static a.css true, template x.html.el true', 'shorter')
    fio.unlink(mine.dir .. '/public/a.css')
    t:is(list(begin(mine).items), 'controller front.lua nil, static a.css true, template x.html.el true', 'gone')
    local large = ('x'):rep(600 * 1024)
    mine.httpd.cache.static, mine.httpd.cache.tpl = {}, {}
    mine.write('public/big', large)
    mine.ask('/big')
    t:is(list(begin(mine).items), 'controller front.lua nil, static big false', 'of several parts')
    mine.write('public/big', large .. 'x')
    t:is(list(begin(mine).items), 'controller front.lua nil, static big true', 'and one more')
    mine.write('public/big', ('x'):rep(256 * 1024))
    t:is(list(begin(mine).items), 'controller front.lua nil, static big true', 'or as many parts less')
    mine.write('public/empty', '')
    mine.httpd.cache.static = {}
    mine.ask('/empty')
    t:is(list(begin(mine).items), 'controller front.lua nil, static empty false', 'empty')
end)

case('new controllers and texts serve from the commit on', function(t)
    local mine = used_site()
    mine.controller('front', CONTROLLER:format('two'))
    mine.write('public/a.css', 'static two')
    local run = begin(mine)
    run.adapter:load(run.servers)
    t:is(mine.ask('/c'), 'one', 'not before')
    t:is(mine.ask('/a.css'), 'static one', 'nor texts')
    local replaced = run.adapter:replaced()
    t:is(replaced[1].old.show ~= replaced[1].new.show, true, 'both are known')
    run.txn:commit()
    t:is(mine.ask('/c'), 'two', 'then they do')
    t:is(mine.ask('/a.css'), 'static two', 'and texts, too')
    t:is(mine.httpd.cache.tpl['x.html.el'], nil, 'and templates')
    t:is(run.txn.ownership:is_new(mine.httpd.cache.front.show), true, 'its code is new')
    run.adapter:remember()
    t:is(list(begin(mine, run.txn.stash).items), 'controller front.lua false, static a.css false',
        'what was loaded is known')
end)

case('only controllers in use or of new routes are loaded', function(t)
    local mine = site()
    local loaded = {}
    rawset(_G, 'loaded_controllers', loaded)
    lib.defer(function() rawset(_G, 'loaded_controllers', nil) end)
    for _, name in ipairs({'front', 'rare', 'new'}) do
        mine.controller(name, ('table.insert(loaded_controllers, "%s") '):format(name) .. CONTROLLER:format(name))
    end
    mine.route('/c', 'front#show')
    mine.route('/r', 'rare#show')
    mine.ask('/c')
    local run = begin(mine)
    mine.route('/n', 'new#show')
    local new_route = mine.httpd.routes[3]
    run.servers.outlook = function(_, server)
        return server.routes, {[new_route] = true}, server.options
    end
    run.adapter:load(run.servers)
    t:is_deeply(loaded, {'front', 'front', 'new'}, 'once each')
    run.txn:commit()
    t:is(mine.ask('/n'), 'new', 'the new one')
    t:is(#loaded, 3, 'is there')
end)

case('a controller that cannot work fails the reload', function(t)
    local mine = used_site()
    local function load(text)
        mine.controller('front', text)
        local run = begin(mine)
        return #run.problems > 0 and run.problems[1] or failure_of(run.adapter.load, run.adapter, run.servers)
    end
    t:like(load('this is no Lua'), 'front%.lua:1', 'code that does not compile')
    t:like(load('error("boom")'), 'boom', 'code that throws')
    t:like(load('return 1'), 'did not return a table', 'no table')
    t:like(load('return {}'), 'function show', 'no function for the route')
    fio.unlink(mine.dir .. '/controllers/front.lua')
    local run = begin(mine)
    t:like(failure_of(run.adapter.load, run.adapter, run.servers), 'file was not found', 'no file')
    run.servers.outlook = function(_, server) return {}, {}, server.options end
    t:is(failure_of(run.adapter.load, run.adapter, run.servers), 'no failure', 'unless no route needs it')
    run.txn:commit()
    t:is(mine.httpd.cache.front, nil, 'then it is forgotten')
end)

case('a function that a controller never had is no failure', function(t)
    local mine = used_site()
    mine.route('/d', 'front#other')
    local run = begin(mine)
    t:is(failure_of(run.adapter.load, run.adapter, run.servers), 'no failure', 'of an old route')
end)

case('controllers that a request has loaded during the reload are dropped', function(t)
    local mine = used_site()
    mine.controller('rare', CONTROLLER:format('rare'))
    mine.route('/r', 'rare#show')
    local run = begin(mine)
    local loaded_before = mine.httpd.cache.front
    run.adapter:load(run.servers)
    mine.ask('/r')
    run.txn:commit()
    t:is(mine.httpd.cache.rare, nil, 'before the commit')
    mine.httpd.cache.front = loaded_before
    run.adapter:settle()
    t:isnt(mine.httpd.cache.front, loaded_before, 'and after it')
end)

case('files of libraries and excluded files are left alone', function(t)
    local mine = used_site()
    local rock = {show = function() return {status = 200, body = 'rock'} end}
    mine.httpd.cache.tpl['../.rocks/a.html.el'] = 'theirs'
    mine.httpd.cache.admin = rock
    package.preload.admin = function() return rock end
    lib.defer(function() package.preload.admin = nil end)
    mine.route('/a', 'admin#show')
    local run = begin(mine, nil, function(name) return name == 'front' and 'excluded' or 'app' end)
    t:is(list(run.items), 'static a.css false, template x.html.el false', 'they are not found')
    run.adapter:load(run.servers)
    run.txn:commit()
    t:is(mine.httpd.cache.admin, rock, 'a controller from package.preload')
    t:is(mine.ask('/c'), 'one', 'one that is excluded')
    t:is(mine.httpd.cache.tpl['../.rocks/a.html.el'], 'theirs', 'a template of a library')
end)

case('without a cache nothing is replaced', function(t)
    local mine = site()
    mine.httpd.options.cache_controllers = false
    mine.controller('front', CONTROLLER:format('one'))
    mine.route('/c', 'front#show')
    mine.ask('/c')
    local run = begin(mine)
    t:is(list(run.items), 'controller front.lua false', 'the file counts')
    run.adapter:load(run.servers)
    run.txn:commit()
    t:is(mine.httpd.cache.front, nil, 'nothing is put there')
end)

case('a rollback restores the cache', function(t)
    local mine = used_site()
    local before = mine.httpd.cache
    mine.controller('front', 'local dir, httpd = ... return {show = function() end}')
    local run = begin(mine)
    run.adapter:load(run.servers)
    local new_controller = {show = run.txn.code('return 1', '/new.lua')}
    mine.httpd.cache.front = new_controller
    mine.httpd.cache.other = new_controller
    mine.httpd.cache.tpl = {}
    mine.httpd.cache.static[mine.dir .. '/public/a.css'] = nil
    mine.httpd.cache = {tpl = {}, static = {}}
    local undone = run.txn.undo()
    t:is(#undone > 3, true, 'it says so')
    t:is(mine.httpd.cache, before, 'the cache')
    t:is(mine.ask('/c'), 'one', 'the controller')
    t:is(mine.httpd.cache.other, nil, 'without new ones')
    t:is(mine.httpd.cache.tpl['x.html.el'], 'template one', 'templates')
    t:is(mine.httpd.cache.static[mine.dir .. '/public/a.css'], 'static one', 'static files')
end)

lib.run()
