-- An application that opens HTTP servers itself: one at the top of a module, one
-- in a function that the main script calls. The harness sets PLAIN_WORKDIR,
-- PLAIN_CONSOLE_SOCK, TARANTOOL_HTTP_PORT and SECOND_PORT.

if package.setsearchroot ~= nil then
    package.setsearchroot(require('fio').cwd())
end

box.cfg({
    work_dir = os.getenv('PLAIN_WORKDIR'),
    memtx_memory = 32 * 1024 * 1024,
    log_level = 5,
})

require('app.front')
require('app.back').start()

require('console').listen('unix/:' .. os.getenv('PLAIN_CONSOLE_SOCK'))
