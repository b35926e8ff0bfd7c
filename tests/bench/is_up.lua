#!/usr/bin/env tarantool
-- Asks an instance whether it is up, in the way of Docker images: with a whole
-- Tarantool as the client.
--
--     tarantool is_up.lua SOCKET

local socket = require('socket')

local s = assert(socket.tcp_connect('unix/', arg[1], 5))
assert(#s:read(128, 5) == 128)
s:write('box.info.status\n')
local reply = s:read('\n...\n', 5)
io.write(reply)
io.flush()
os.exit(reply:find('running', 1, true) and 0 or 1)
