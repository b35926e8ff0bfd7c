-- adapters/listeners.lua: listening sockets that new code opens.

local fiber = require('fiber')
local fio = require('fio')
local socket = require('socket')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.listeners')

lib.box()

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.listeners').new(txn))
    return txn
end

local OPEN = "local host, port = ... return require('socket').tcp_server(host, port, function() end)"

local function can_connect(host, port)
    local s = socket.tcp_connect(host, port)
    if s ~= nil then
        s:close()
    end
    return s ~= nil
end

case('a rollback closes a server of new code', function(t)
    local txn = begin()
    local server = txn.code(OPEN)('127.0.0.1', 0)
    local port = server:name().port
    t:ok(can_connect('127.0.0.1', port), 'open')
    local undone, left = txn.undo()
    t:ok(lib.wait(function() return not can_connect('127.0.0.1', port) end), 'closed')
    t:ok(lib.mentions(undone, tostring(port)), 'reported')
    t:is(#left, 0, 'nothing is left')
end)

case('a commit keeps a server of new code open', function(t)
    local original = socket.tcp_server
    local txn = begin()
    local server = txn.code(OPEN)('127.0.0.1', 0)
    txn:commit()
    t:ok(can_connect('127.0.0.1', server:name().port), 'open')
    t:is(socket.tcp_server, original, 'tcp_server')
    server:close()
end)

case('a rollback keeps servers that other code opens during the reload', function(t)
    local txn = begin()
    local server = lib.elsewhere(function()
        return socket.tcp_server('127.0.0.1', 0, function() end)
    end)
    txn.undo()
    t:ok(can_connect('127.0.0.1', server:name().port), 'open')
    server:close()
end)

case('a server that failed code has closed itself is no problem', function(t)
    local txn = begin()
    txn.code(OPEN .. ':close()')('127.0.0.1', 0)
    local undone, left = txn.undo()
    t:is(#undone + #left, 0, 'nothing to tell')
end)

case('tcp_server returns its usual results', function(t)
    local txn = begin()
    local server, peer = txn.code(OPEN)('127.0.0.1', 0)
    t:ok(server ~= nil and peer ~= nil, 'server and address')
    local again, err = txn.code(OPEN)('127.0.0.1', server:name().port)
    t:is(again, nil, 'a port that is taken')
    t:ok(err == nil or type(err) == 'string' or type(err) == 'table', 'and its error')
    t:ok(not pcall(txn.code("require('socket').tcp_server()")), 'wrong arguments')
    txn.undo()
end)

case('a rollback closes a server of new code on a unix socket', function(t)
    local path = fio.pathjoin(lib.directory(), 's')
    local txn = begin()
    txn.code(OPEN)('unix/', path)
    t:ok(can_connect('unix/', path), 'open')
    txn.undo()
    t:ok(lib.wait(function() return not can_connect('unix/', path) end), 'closed')
end)

local FILE = '/app/ports.lua'

-- A server that answers each connection with a word.
local SERVE = [[
    local host, port, word = ...
    local server, addr = require('socket').tcp_server(host, port, function(s)
        s:read('\n', 0.01)
        s:write(word)
    end)
    return server, addr
]]

local function ask(host, port)
    local s = socket.tcp_connect(host, port, 5)
    local answer = s and s:read(100, 5)
    if s ~= nil then
        s:close()
    end
    return answer
end

--- Starts a server of serving code, and a transaction with the adapter.
local function begin_with_server(host, port)
    local live = lib.old_code(SERVE, FILE)(host or '127.0.0.1', port or 0, 'old')
    lib.defer(function()
        pcall(live.close, live)
    end)
    -- Its fiber accepts connections from now on.
    fiber.sleep(0)
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn.ownership:forget(FILE)
    local adapter = txn:add(load('adapters.listeners').new(txn))
    return live, live:name().port, txn, adapter
end

case('new code takes over the port of old code at the commit', function(t)
    local live, port, txn, adapter = begin_with_server()
    local mine, addr = txn.code(SERVE, FILE)('127.0.0.1', port, 'new')
    t:ok(mine ~= nil and addr ~= nil, 'it gets a socket and an address')
    t:is(tostring(mine:name().port), tostring(port), 'of that port')
    t:is(ask('127.0.0.1', port), 'old', 'until the commit old code answers')
    txn:commit()
    t:is(ask('127.0.0.1', port), 'new', 'then new code')
    t:is(tostring(live:name().port), tostring(port), 'on the socket that was there')
    adapter:settle()
    mine:close()
    t:ok(lib.wait(function() return not can_connect('127.0.0.1', port) end), 'and it can close that')
end)

case('a rollback leaves the server of old code unchanged', function(t)
    local live, port, txn = begin_with_server()
    local close = live.close
    local mine = txn.code(SERVE, FILE)('127.0.0.1', port, 'new')
    mine:close()
    local undone, left = txn.undo()
    t:is(#undone + #left, 0, 'nothing to tell')
    t:is(ask('127.0.0.1', port), 'old', 'old code answers')
    mine:close()
    t:is(ask('127.0.0.1', port), 'old', 'failed code cannot close it later')
    t:isnt(live.close, close, 'the guard is gone')
    live:close()
    t:ok(lib.wait(function() return not can_connect('127.0.0.1', port) end), 'old code can')
end)

case('new code closes an old server at the commit, unless it has taken it over', function(t)
    for _, takes in ipairs({true, false}) do
        local live, port, txn, adapter = begin_with_server()
        txn.code('(...):close()', FILE)(live)
        t:is(ask('127.0.0.1', port), 'old', 'not before')
        if takes then
            txn.code(SERVE, FILE)('127.0.0.1', port, 'new')
        end
        txn:commit()
        if takes then
            txn.ownership:call_stop(lib.old_code('(...):close()', FILE), live)
            t:is(ask('127.0.0.1', port), 'new', 'nor does the stop of old code close what was taken over')
        else
            t:ok(lib.wait(function() return not can_connect('127.0.0.1', port) end), 'closed')
        end
        adapter:settle()
    end
end)

case('a server of other code is not taken over', function(t)
    local theirs = socket.tcp_server('127.0.0.1', 0, function(s) s:write('theirs') end)
    fiber.sleep(0)
    local txn = begin()
    t:is(txn.code(SERVE)('127.0.0.1', theirs:name().port, 'new'), nil, 'the port is in use')
    txn:commit()
    t:is(ask('127.0.0.1', theirs:name().port), 'theirs', 'its handler stays')
    theirs:close()
end)

case('a server on another host is not taken over', function(t)
    local _, port, txn = begin_with_server()
    local mine = txn.code(SERVE, FILE)('127.0.0.2', port, 'new')
    t:is(ask('127.0.0.2', port), 'new', 'open at once')
    t:is(ask('127.0.0.1', port), 'old', 'beside the old one')
    txn:commit()
    mine:close()
end)

case('a host can be given by name', function(t)
    local _, port, txn = begin_with_server('localhost')
    txn.code(SERVE, FILE)('localhost', port, 'new')
    txn:commit()
    t:is(ask('localhost', port), 'new', 'taken over')
end)

case('servers on a unix socket, and of the console, are taken over', function(t)
    local path = fio.pathjoin(lib.directory(), 's')
    local live, _, txn = begin_with_server('unix/', path)
    txn.code(SERVE, FILE)('unix/', path, 'new')
    txn:commit()
    t:is(ask('unix/', path), 'new', 'a server of the application')
    live:close()

    local uri = 'unix/:' .. fio.pathjoin(lib.directory(), 'c')
    local console = require('console').listen(uri)
    fiber.sleep(0)
    txn = begin()
    local mine = txn.code('return require("console").listen(...)')(uri)
    t:ok(mine ~= nil, 'a console')
    txn:commit()
    t:like(ask('unix/', uri:sub(7)), '^Tarantool', 'it answers')
    console:close()
end)

case('a server taken over by new code can be taken back', function(t)
    local _, port, txn, adapter = begin_with_server()
    local take_back = adapter:mark()
    txn.code(SERVE, FILE)('127.0.0.1', port, 'withdrawn')
    take_back()
    txn:commit()
    t:is(ask('127.0.0.1', port), 'old', 'old code answers')
end)

case('old code that is restarted takes its server over again', function(t)
    local live, port, txn, adapter = begin_with_server()
    txn.ownership.calls_old = true
    lib.old_code(SERVE, FILE)('127.0.0.1', port, 'again')
    txn.ownership.calls_old = false
    adapter:revive()
    t:is(ask('127.0.0.1', port), 'again', 'its new handler answers')
    live:close()
    t:ok(lib.wait(function() return not can_connect('127.0.0.1', port) end), 'it can close it')
    txn.rolled_back = true
end)

lib.run()
