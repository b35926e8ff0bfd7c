-- adapters/sockets.lua: servers that new code opens.

local fio = require('fio')
local socket = require('socket')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.sockets')

lib.box()

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.sockets').new(txn))
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

case('a server of failed code is closed', function(t)
    local txn = begin()
    local server = txn.code(OPEN)('127.0.0.1', 0)
    local port = server:name().port
    t:ok(can_connect('127.0.0.1', port), 'open')
    local undone, left = txn.undo()
    t:ok(lib.wait(function() return not can_connect('127.0.0.1', port) end), 'closed')
    t:ok(lib.mentions(undone, tostring(port)), 'reported')
    t:is(#left, 0, 'nothing is left')
end)

case('a server of good code stays open', function(t)
    local original = socket.tcp_server
    local txn = begin()
    local server = txn.code(OPEN)('127.0.0.1', 0)
    txn:commit()
    t:ok(can_connect('127.0.0.1', server:name().port), 'open')
    t:is(socket.tcp_server, original, 'tcp_server')
    server:close()
end)

case('a server that others open meanwhile stays open', function(t)
    local txn = begin()
    local server = lib.elsewhere(function()
        return socket.tcp_server('127.0.0.1', 0, function() end)
    end)
    txn.undo()
    t:ok(can_connect('127.0.0.1', server:name().port), 'open')
    server:close()
end)

case('a server that failed code has closed itself is no obstacle', function(t)
    local txn = begin()
    txn.code(OPEN .. ':close()')('127.0.0.1', 0)
    local undone, left = txn.undo()
    t:is(#undone + #left, 0, 'nothing to tell')
end)

case('results are those of tcp_server', function(t)
    local txn = begin()
    local server, peer = txn.code(OPEN)('127.0.0.1', 0)
    t:ok(server ~= nil and peer ~= nil, 'server and address')
    local again, err = txn.code(OPEN)('127.0.0.1', server:name().port)
    t:is(again, nil, 'a port that is taken')
    t:ok(err == nil or type(err) == 'string' or type(err) == 'table', 'and its error')
    t:ok(not pcall(txn.code("require('socket').tcp_server()")), 'wrong arguments')
    txn.undo()
end)

case('a server on a unix socket of failed code is closed', function(t)
    local path = fio.pathjoin(lib.directory(), 's')
    local txn = begin()
    txn.code(OPEN)('unix/', path)
    t:ok(can_connect('unix/', path), 'open')
    txn.undo()
    t:ok(lib.wait(function() return not can_connect('unix/', path) end), 'closed')
end)

lib.run()
