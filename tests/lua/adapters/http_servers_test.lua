-- adapters/http_servers.lua: HTTP servers that the application opens itself.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.http_servers')

package.path = fio.abspath('tests/support/fake_cartridge/.rocks/share/tarantool/?.lua') .. ';' .. package.path
local http_server = require('http.server')

lib.box()

local FILE = '/app/web.lua'

--- Creates a server that looks running to an adapter.
local function running(port)
    local httpd = http_server.new('127.0.0.1', port, {log_requests = false})
    httpd.is_run, httpd.halts = true, 0
    httpd.stop = function(self)
        self.halts = self.halts + 1
        self.is_run = false
        return self
    end
    return httpd
end

--- Starts a transaction with the adapter and these servers.
-- @tparam ?{table,...} others those of the framework
local function begin(servers, others)
    local load = lib.loader({['platform.http_servers'] = {list = function() return servers end}})
    local txn = lib.transaction(load)
    txn.ownership:forget(FILE)
    local http = load('adapters.http')
    local adapter = txn:add(load('adapters.http_servers').new(txn, http, others or {}))
    return adapter, txn, load
end

local function make(txn, port, options)
    return txn.code('local server, port, options = ... return server.new("127.0.0.1", port, options)', FILE)(
        http_server, port, options or {log_requests = false})
end

case('new code that binds the port of an old server gets a stand-in', function(t)
    local live = running(8081)
    local adapter, txn = begin({live})
    local mine = make(txn, 8081)
    t:is(mine.routes ~= live.routes, true, 'with routes of its own')
    t:is(make(txn, 8081), mine, 'always the same')
    t:is(mine:start(), mine, 'starting it does nothing')
    mine:route({path = '/a', method = 'GET'}, txn.code('return function() return "new" end', FILE)())
    t:is(#live.routes, 0, 'nobody sees its routes')
    t:is(#adapter:list(), 1, 'the adapter has it')
    txn:commit()
    t:is(#live.routes, 1, 'until the commit')
    t:is(mine.routes, live.routes, 'then the stand-in is the server')
    t:is(rawget(mine, 'start'), nil, 'in everything')
    t:is(live.halts, 0, 'which never stopped')
    t:isnt(http_server.new('127.0.0.1', 8081, {}), mine, 'others get what they ask for')
end)

case('new code with another port, and other code, get their own servers', function(t)
    local live = running(8081)
    local _, txn = begin({live})
    t:is(make(txn, 8082).port, 8082, 'another port')
    t:is(make(txn, 8082).start, http_server.new('127.0.0.1', 1, {}).start, 'which really starts')
    local theirs = lib.old_code('local server = ... return server.new("127.0.0.1", 8081, {})', FILE)
    txn.ownership.calls_old = false
    local own
    txn.staging = false
    own = theirs(http_server)
    txn.staging = true
    t:is(rawget(own, 'routes') ~= nil and getmetatable(own) == getmetatable(live), true, 'when nothing is staged')
    live.options.ssl_cert_file = '/cert'
    t:is(rawget(make(txn, 8081), 'tcp_server'), nil, 'without the certificate that the server has')
    live.options.ssl_cert_file = nil
    live.is_run = false
    t:is(getmetatable(make(txn, 8081)), getmetatable(live), 'a server that does not run')
end)

case('servers of the framework are left to its own adapter', function(t)
    local live = running(8081)
    local adapter, txn = begin({live}, {{live = live}})
    t:is(getmetatable(make(txn, 8081)), getmetatable(live), 'a new one')
    t:is(#adapter:list(), 1, 'but they are listed')
end)

case('options take effect together with the routes', function(t)
    local live = running(8081)
    local _, txn = begin({live})
    local log = function() end
    make(txn, 8081, {log_requests = log})
    t:isnt(live.options.log_requests, log, 'not before')
    txn:commit()
    t:is(live.options.log_requests, log, 'at the commit')
end)

case('a server that new code stops is stopped at the commit', function(t)
    local live, other = running(8081), running(8082)
    local adapter, txn = begin({live, other})
    t:is(live:stop(), live, 'new code stops it')
    t:is(live.halts, 0, 'it goes on')
    other:stop()
    make(txn, 8082)
    txn:commit()
    t:is(live.halts, 1, 'until the commit')
    t:is(other.halts, 0, 'unless new code has taken it over')
    txn.ownership:call_stop(function() other:stop() end)
    t:is(other.halts, 0, 'from the stop of an old role it is safe, too')
    adapter:settle()
    other:stop()
    t:is(other.halts, 1, 'until the reload is over')
end)

case('a rollback leaves the server unchanged', function(t)
    local live = running(8081)
    local stop, new = live.stop, http_server.new
    local _, txn = begin({live})
    live:stop()
    local mine = make(txn, 8081)
    mine:route({path = '/a', method = 'GET'}, txn.code('return function() end', FILE)())
    txn:rollback()
    t:is(live.halts, 0, 'it has never stopped')
    t:is(#live.routes, 0, 'no route')
    t:is(live.stop, stop, 'stop')
    t:is(http_server.new, new, 'new')
end)

case('an old role that is restarted gets its own server back', function(t)
    local live = running(8081)
    live:route({path = '/a', method = 'GET'}, lib.old_code('return function() return 1 end', FILE)())
    local load = lib.loader({['platform.http_servers'] = {list = function() return {live} end}})
    local txn = lib.transaction(load)
    txn.ownership:forget(FILE)
    local adapter = load('adapters.http_servers').new(txn, load('adapters.http'), {}, true)
    adapter:snapshot()
    adapter:stage()
    txn.ownership.calls_old = true
    live:stop()
    local again = http_server.new('127.0.0.1', 8081, {})
    again:route({path = '/a', method = 'GET'}, lib.old_code('return function() return 2 end', FILE)())
    again:start()
    txn.staging = false
    adapter:revive()
    t:is(live.halts, 0, 'it has never stopped')
    t:is(#live.routes, 1, 'the route is there once')
    t:is(live.routes[1].sub(), 2, 'the one that it registered last')
end)

lib.run()
