#!/usr/bin/env tarantool
-- An application without a framework whose main script sets everything up: the
-- harness sets PLAIN_WORKDIR, PLAIN_CONSOLE_SOCK, TARANTOOL_HTTP_PORT and
-- SECOND_PORT.

local VERSION = 1
local fio = require('fio')
-- insert: script_top

-- Common code that depends on the working directory at process start.
package.path = fio.cwd() .. '/?.lua;' .. package.path
if package.setsearchroot ~= nil then
    package.setsearchroot(fio.cwd())
end
require('strict').on()
local fiber = require('fiber')

box.cfg({
    work_dir = os.getenv('PLAIN_WORKDIR'),
    memtx_memory = 32 * 1024 * 1024,
    listen = tonumber(os.getenv('SECOND_PORT')) + 1,
    log_level = 'info',
    -- The feedback daemon of newer servers would load Cartridge if it finds it.
    feedback_enabled = false,
})
box.once('schema', function()
    box.schema.space.create('items'):create_index('pk')
end)
box.schema.space.create('more', {if_not_exists = true})

local pages = require('app.pages')
-- insert: script_modules

rawset(_G, 'changes', rawget(_G, 'changes') or {})
box.space.items:on_replace(function()
    table.insert(rawget(_G, 'changes'), VERSION)
end)
box.session.on_connect(function()
    rawset(_G, 'connect_version', VERSION)
end)

local httpd = require('http.server').new('127.0.0.1', tonumber(os.getenv('TARANTOOL_HTTP_PORT')),
    {log_requests = false})
httpd:route({path = '/page', method = 'GET'}, pages.page)
httpd:route({path = '/anonymous', method = 'GET'}, function()
    return {status = 200, body = 'anonymous v' .. VERSION}
end)
httpd:route({path = '/both', method = 'GET'}, function()
    return {status = 200, body = ('v%d v%d'):format(VERSION, pages.version)}
end)
-- insert: script_routes
httpd:start()

fiber.create(function()
    fiber.name('counter')
    while true do
        rawset(_G, 'counter_version', VERSION)
        -- insert: script_loop
        fiber.sleep(0.01)
    end
end)

rawset(_G, 'api', function()
    return 'api v' .. VERSION
end)

require('socket').tcp_server('127.0.0.1', tonumber(os.getenv('SECOND_PORT')), function(s)
    s:write('port v' .. VERSION)
end)
require('console').listen('unix/:' .. os.getenv('PLAIN_CONSOLE_SOCK'))
-- insert: script_end
