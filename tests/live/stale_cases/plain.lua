#!/usr/bin/env tarantool
-- The main script of an application of the corpus; what is special about it is
-- in setup.lua.

local dir = require('fio').cwd()
package.setsearchroot(dir)

box.cfg({
    work_dir = 'data',
    wal_mode = 'none',
    memtx_memory = 32 * 1024 * 1024,
    log_level = 5,
})
dofile(dir .. '/setup.lua')
require('console').listen('unix/:' .. os.getenv('TARANTOOL_CONSOLE_SOCK'))
