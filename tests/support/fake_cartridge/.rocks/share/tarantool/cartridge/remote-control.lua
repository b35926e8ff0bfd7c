-- Test stand-in for cartridge.remote-control, written from its observed
-- behaviour and the description of Tarantool's binary protocol: before an
-- instance has a database it answers the calls of others all the same, at the
-- address where the database listens later.

local digest = require('digest')
local fiber = require('fiber')
local msgpack = require('msgpack')
local socket = require('socket')

local vars = require('cartridge.vars').new('cartridge.remote-control')

vars:new('server')
vars:new('connections', {})

-- Keys and codes of the protocol.
local CODE, SYNC, SCHEMA = 0x00, 0x01, 0x05
local TUPLE, FUNCTION, USER, EXPRESSION = 0x21, 0x22, 0x23, 0x27
local DATA, ERROR = 0x30, 0x31
local SELECT, AUTH, EVAL, CALL, PING = 0x01, 0x07, 0x08, 0x0a, 0x40
local FAILED = 0x8000

local function map(t)
    return setmetatable(t, {__serialize = 'map'})
end

local function answer(sock, sync, code, body)
    local text = msgpack.encode(map({[CODE] = code, [SYNC] = sync,
        [SCHEMA] = 0})) .. msgpack.encode(map(body))
    sock:write(msgpack.encode(#text) .. text)
end

local function refuse(sock, sync, code, message)
    answer(sock, sync, FAILED + code, {[ERROR] = tostring(message)})
end

-- Checks that the client has the password: the scramble is SHA1(password) xor
-- SHA1(salt + SHA1(SHA1(password))).
local function is_right(salt, scramble, password)
    local twice = digest.sha1(digest.sha1(password))
    local mask = digest.sha1(salt:sub(1, 20) .. twice)
    local once = {}
    for i = 1, #mask do
        once[i] = string.char(bit.bxor(mask:byte(i), scramble:byte(i) or 0))
    end
    return digest.sha1(table.concat(once)) == twice
end

local function find_function(path)
    local value = _G
    for name in path:gmatch('[^.]+') do
        value = value[name]
        if value == nil then
            error(("Procedure '%s' is not defined"):format(path), 0)
        end
    end
    return value
end

local function pack(...)
    local list = {...}
    for i = 1, select('#', ...) do
        if list[i] == nil then
            list[i] = msgpack.NULL
        end
    end
    return list
end

local function run(conn, sync, get_function, args)
    conn.tasks = conn.tasks + 1
    local ok, result = pcall(function()
        return pack(get_function()(unpack(args)))
    end)
    ok, result = pcall(function()
        if ok then
            answer(conn.sock, sync, 0, {[DATA] = result})
        else
            refuse(conn.sock, sync, box.error.PROC_LUA, result)
        end
    end)
    conn.tasks = conn.tasks - 1
    if not ok or conn.is_dropped and conn.tasks == 0 then
        conn.sock:close()
    end
    return ok, result
end

local function handle(conn, header, body, password)
    local code, sync = header[CODE], header[SYNC]
    if code == PING or code == SELECT then
        answer(conn.sock, sync, 0, {[DATA] = {}})
    elseif code == AUTH then
        conn.is_known = body[USER] == 'admin'
            and is_right(conn.salt, body[TUPLE][2], password)
        if not conn.is_known then
            refuse(conn.sock, sync, box.error.ACCESS_DENIED,
                'Incorrect password supplied')
            return false
        end
        answer(conn.sock, sync, 0, {})
    elseif code ~= EVAL and code ~= CALL then
        return false
    elseif not conn.is_known then
        refuse(conn.sock, sync, box.error.ACCESS_DENIED, 'Access is denied')
    else
        fiber.new(run, conn, sync, function()
            return code == CALL and find_function(body[FUNCTION])
                or assert(loadstring(body[EXPRESSION], '=eval'))
        end, body[TUPLE])
    end
    return true
end

local function serve(sock, password)
    local conn = {sock = sock, salt = digest.urandom(32), tasks = 0}
    vars.connections[conn] = true
    sock:write(('%-63s\n%-63s\n'):format(
        'Tarantool 2.6.0 (Binary) 00000000-0000-0000-0000-000000000000',
        digest.base64_encode(conn.salt)))
    pcall(function()
        local goes_on = true
        while goes_on and not conn.is_dropped do
            local size = sock:read(5)
            if size == nil or #size < 5 then
                break
            end
            local text = sock:read((msgpack.decode(size)))
            local header, at = msgpack.decode(text)
            local body = at <= #text and msgpack.decode(text, at) or {}
            goes_on = handle(conn, header, body, password)
        end
    end)
    -- The client that requested the bootstrap is still waiting for the reply.
    conn.is_dropped = true
    while conn.tasks > 0 do
        fiber.sleep(0.01)
    end
    vars.connections[conn] = nil
end

return {
    bind = function(host, port, password)
        vars.server = socket.tcp_server(host, port, {
            name = 'remote_control',
            handler = function(sock)
                serve(sock, password)
            end,
        })
        return vars.server ~= nil
    end,
    stop = function()
        if vars.server ~= nil then
            vars.server:close()
            vars.server = nil
        end
    end,
    drop_connections = function()
        for conn in pairs(table.copy(vars.connections)) do
            conn.is_dropped = true
            if conn.tasks == 0 then
                pcall(conn.sock.shutdown, conn.sock, socket.SHUT_RDWR)
                pcall(conn.sock.close, conn.sock)
            end
        end
    end,
}
