#!/usr/bin/env tarantool
-- A Tarantool application without Cartridge: a stored function whose code is
-- in modules.  The harness sets PLAIN_WORKDIR and PLAIN_CONSOLE_SOCK.

if package.setsearchroot ~= nil then
    package.setsearchroot(require('fio').cwd())
end

box.cfg({
    work_dir = os.getenv('PLAIN_WORKDIR'),
    memtx_memory = 32 * 1024 * 1024,
    log_level = 5,
})

local greeting = require('app.greeting')

-- Looks the module up at each call, so it uses reloaded code.
rawset(_G, 'greet', function(name)
    return require('app.greeting').text(name)
end)
-- Keeps the module that was loaded at startup.
rawset(_G, 'greet_first', function(name)
    return greeting.text(name)
end)

require('console').listen('unix/:' .. os.getenv('PLAIN_CONSOLE_SOCK'))
