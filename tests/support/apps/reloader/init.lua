#!/usr/bin/env tarantool
-- An application that is reloaded with package.reload: whatever a generation starts
-- ends with it. The harness sets PLAIN_WORKDIR, PLAIN_CONSOLE_SOCK and
-- TARANTOOL_HTTP_PORT.

local VERSION = 1
-- insert: reloader_top
local fiber = require('fiber')
require('package.reload')

-- The initial working directory; kept for when the rock runs this script again.
rawset(_G, 'root', rawget(_G, 'root') or require('fio').cwd())
if package.setsearchroot ~= nil then
    package.setsearchroot(rawget(_G, 'root'))
end

box.cfg({
    work_dir = os.getenv('PLAIN_WORKDIR'),
    memtx_memory = 32 * 1024 * 1024,
    log_level = 5,
})
rawset(_G, 'ended', rawget(_G, 'ended') or {})

local jobs = require('app.jobs')
jobs.start()

local generation = package.reload.count
fiber.create(function()
    fiber.name('watcher')
    while generation == package.reload.count do
        rawset(_G, 'watcher_version', VERSION)
        fiber.sleep(0.01)
    end
    rawset(_G, 'watchers_ended', (rawget(_G, 'watchers_ended') or 0) + 1)
end)

local httpd = require('http.server').new('127.0.0.1', tonumber(os.getenv('TARANTOOL_HTTP_PORT')),
    {log_requests = false})
httpd:route({path = '/page', method = 'GET'}, function()
    return {status = 200, body = ('page v%d of %d'):format(VERSION, generation)}
end)
httpd:start()
package.reload:register(function()
    table.insert(rawget(_G, 'ended'), VERSION)
    httpd:stop()
end)

if rawget(_G, 'console') == nil then
    rawset(_G, 'console', require('console').listen('unix/:' .. os.getenv('PLAIN_CONSOLE_SOCK')))
end
-- insert: reloader_end
