-- An application with controllers, templates and static files of the rock `http`.
-- The harness sets PLAIN_WORKDIR, PLAIN_CONSOLE_SOCK and TARANTOOL_HTTP_PORT.

local dir = require('fio').cwd()
if package.setsearchroot ~= nil then
    package.setsearchroot(dir)
end

box.cfg({
    work_dir = os.getenv('PLAIN_WORKDIR'),
    memtx_memory = 32 * 1024 * 1024,
    log_level = 5,
})

local httpd = require('http.server').new('127.0.0.1', tonumber(os.getenv('TARANTOOL_HTTP_PORT')), {
    app_dir = dir,
    log_requests = false,
})
httpd:route({path = '/show', method = 'GET'}, 'front#show')
httpd:route({path = '/text', method = 'GET'}, 'front#text')
httpd:route({path = '/slow', method = 'GET'}, 'front#slow')
httpd:route({path = '/rare', method = 'GET'}, 'rare#text')
httpd:route({path = '/page', method = 'GET', file = 'page.html.el'})
require('app.web').start(httpd)
httpd:start()
rawset(_G, 'pages_httpd', httpd)

require('console').listen('unix/:' .. os.getenv('PLAIN_CONSOLE_SOCK'))
