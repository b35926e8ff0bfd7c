-- adapters/connections.lua: connections and sockets that new code opens.

local fiber = require('fiber')
local net_box = require('net.box')
local socket = require('socket')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.connections')

lib.box()

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.connections').new(txn))
    txn:add(load('adapters.fibers').new(txn))
    -- It wraps the same constructors.
    txn:add(load('adapters.endings').new(txn))
    return txn
end

-- No process listens there: the connection retries without end.
local CONNECT = "return (require('net.box').connect('127.0.0.1:1', {wait_connected = false, reconnect_after = 0.01}))"
local POOL = 'local connect = ... local c = connect() return c'

local function doom(connection)
    lib.defer(function() connection:close() end)
    return connection
end

case('a rollback closes a connection of new code', function(t)
    local original = net_box.connect
    local txn = begin()
    local connection = doom(txn.code(CONNECT)())
    local undone, left = txn.undo()
    t:is(connection.state, 'closed', 'closed')
    t:ok(lib.mentions(undone, 'connection to 127.0.0.1:1'), 'reported')
    t:is(#left, 0, 'nothing is left')
    t:is(net_box.connect, original, 'connect')
end)

case('a rollback removes the callbacks of a connection of new code', function(t)
    local txn = begin()
    local connection = doom(txn.code(CONNECT)())
    local calls = 0
    local function callback()
        calls = calls + 1
    end
    connection:on_connect(callback)
    connection:on_disconnect(callback)
    local has_watchers = connection.watch ~= nil
    if has_watchers then
        connection:watch('key', callback)
    end
    txn.undo()
    t:is(connection.state, 'closed', 'closed')
    t:is(#connection:on_connect() + #connection:on_disconnect(), 0, 'no callback is left')
    t:ok(not has_watchers or next(connection._watchers) == nil, 'nor a watcher')
    t:is(calls, 0, 'none was called')
end)

case('a rollback keeps connections of the old generation, of other code and of libraries', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local txn = begin()
        local of_library = doom(txn.code(POOL)(lib.old_code(CONNECT, '/rocks/pool.lua')))
        local of_others = doom(lib.elsewhere(lib.old_code(CONNECT, '/app/old.lua')))
        local own = ends == 'commit' and doom(txn.code(CONNECT)())
        local _, left = txn[ends](txn)
        fiber.sleep(0.05)
        t:isnt(of_library.state, 'closed', ends .. ': of a library')
        t:isnt(of_others.state, 'closed', ends .. ': of others')
        t:ok(not own or own.state ~= 'closed', ends .. ': of good code')
        t:is(#(left or {}), 0, ends .. ': nothing is left')
    end
end)

case('a rollback closes a socket of new code', function(t)
    local txn = begin()
    local bind = txn.code([[
        local s = require('socket')('AF_INET', 'SOCK_DGRAM', 'udp')
        s:bind('127.0.0.1', (...))
        return s
    ]])
    local bound = bind(0)
    local port = bound:name().port
    local closed = bind(0)
    closed:close()
    t:is(socket('AF_INET', 'SOCK_DGRAM', 'udp'):bind('127.0.0.1', port), false, 'it has a port')
    local undone = txn.undo()
    local other = socket('AF_INET', 'SOCK_DGRAM', 'udp')
    t:is(other:bind('127.0.0.1', port), true, 'which is free afterwards')
    other:close()
    t:ok(lib.mentions(undone, 'socket on 127.0.0.1:' .. port), 'reported')
    t:is(#undone, 1, 'once')
end)

lib.run()
