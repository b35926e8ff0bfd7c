#!/usr/bin/env tarantool
-- helper.lua: a server for a live suite.  It queries applications, evaluates
-- reports and writes files, which would otherwise need a new process each time.
-- Listens on a free port of 127.0.0.1 and prints that port.
--
-- A request is the number of strings that follow, then the strings: the name of a
-- function of `actions` and its arguments.  A NUL ends each of them.  The reply is
-- a line with "ok" or "no" and a length in bytes, followed by the result or the
-- error.  Each request uses its own connection, so requests may run concurrently.

local digest = require('digest')
local errno = require('errno')
local fiber = require('fiber')
local fio = require('fio')
local json = require('json')
local log = require('log')
local socket = require('socket')

local TIMEOUT = 60

local actions = {}

local function read_file(path)
    local file, err = io.open(path)
    if file == nil then
        error(err, 0)
    end
    local text = file:read('*a')
    file:close()
    return text
end

local function write_file(path, text)
    local file = assert(io.open(path, 'w'))
    file:write(text)
    file:close()
end

--- Evaluates Lua in an application; the result goes to a file, if there is one.
-- One line; the reply is a word that YAML neither quotes nor folds.
local EVAL = [[
(function()
    local d, json = require('digest'), require('json')
    local function show(v)
        local ok, text = pcall(json.encode, v)
        local plain = type(v) == 'table' and getmetatable(v) == nil
        return plain and ok and text or tostring(v)
    end
    local function pack(ok, ...)
        local list = {}
        for i = 1, select('#', ...) do
            list[i] = show((select(i, ...)))
        end
        local text = d.base64_encode(table.concat(list, '\t'), {nowrap = true})
        return (ok and 'xok' or 'xno') .. text
    end
    return pack(pcall(assert(loadstring(d.base64_decode('CODE'), '=test'))))
end)()
]]
EVAL = EVAL:gsub('\n', ' ')

function actions.eval(path, code, file)
    local conn = socket.tcp_connect('unix/', path, TIMEOUT)
    if conn == nil then
        error(('no connection to %s: %s'):format(path, errno.strerror()), 0)
    end
    local line = EVAL:gsub('CODE', digest.base64_encode(code, {nowrap = true}))
    conn:write(line .. '\n')
    local reply = conn:read('\n...\n', TIMEOUT)
    conn:close()
    local status, text = tostring(reply):match('\n%- x:?(%l%l)([%w+/=]*)\n')
    if status == nil then
        error('no reply: ' .. tostring(reply), 0)
    end
    text = digest.base64_decode(text)
    if status ~= 'ok' then
        error(text, 0)
    end
    if file ~= nil then
        write_file(file, text .. '\n')
        return ''
    end
    return text
end

--- Requests a URL and returns the body.
function actions.get(url)
    local client = require('http.client').new({max_connections = 1})
    local r = client:request('GET', url, nil, {timeout = 20, headers = {connection = 'close'}})
    return r.body or ''
end

--- Evaluates expressions about a report.
function actions.json(path, expression)
    local ok, r = pcall(json.decode, read_file(path))
    if not ok or type(r) ~= 'table' then
        error('not JSON: ' .. tostring(r), 0)
    end
    local function names(list)
        local out = {}
        for _, entry in ipairs(list or {}) do
            table.insert(out, entry.name or entry)
        end
        table.sort(out)
        return table.concat(out, ' ')
    end
    local function show(...)
        local out = {}
        for k = 1, select('#', ...) do
            local v = select(k, ...)
            if type(v) == 'table' then
                v = json.encode(v)
            elseif v == nil then
                v = 'null'
            end
            table.insert(out, tostring(v))
        end
        return table.concat(out, ' ')
    end
    local f, err = loadstring('return ' .. expression, '=json')
    if f == nil then
        error(err, 0)
    end
    return show(setfenv(f, setmetatable({
        r = r, i = (r.instances or {})[1], names = names, json = json,
    }, {__index = _G}))())
end

--- Runs Lua with arguments, and returns what it returns as a text.
function actions.lua(code, ...)
    return tostring(assert(loadstring(code, '=lua'))(...))
end

--- Runs a file in the same way.
function actions.file(path, ...)
    return tostring(assert(loadfile(path))(...))
end

--- Finds ports of 127.0.0.1 that are free for TCP and UDP.
-- Of the 500 from the first on; a port is returned again only after all others.
local next_port = 0

function actions.ports(first, count)
    local ports, tried = {}, 0
    while #ports < tonumber(count) and tried < 500 do
        local port = tonumber(first) + next_port % 500
        local tcp = socket('AF_INET', 'SOCK_STREAM', 'tcp')
        local udp = socket('AF_INET', 'SOCK_DGRAM', 'udp')
        if tcp:bind('127.0.0.1', port) and udp:bind('0.0.0.0', port) then
            table.insert(ports, port)
        end
        tcp:close()
        udp:close()
        next_port, tried = next_port + 1, tried + 1
    end
    return table.concat(ports, ' ')
end

--- Writes a version of the files of an application from their template.
function actions.version(template, dir, version, ...)
    local places, known = {}, {}
    for _, place in ipairs({...}) do
        local name, text = place:match('^([^=]*)=(.*)$')
        places[name] = text
    end
    local files = {}
    local function read_dir(sub)
        for _, name in ipairs(fio.listdir(template .. sub)) do
            local path = ('%s/%s'):format(sub, name)
            if fio.path.is_dir(template .. path) then
                read_dir(path)
            elseif name:find('%.lua$') then
                files[path] = read_file(template .. path)
            end
        end
    end
    read_dir('')
    for path, text in pairs(files) do
        files[path] = text:gsub('([^\n]*)(\n?)', function(line, eol)
            local place = line:match('^%s*%-%- insert: (%S+)')
            if place ~= nil then
                known[place] = true
                line = places[place] or line
            elseif line == 'local VERSION = 1' then
                line = 'local VERSION = ' .. version
            end
            return line .. eol
        end)
    end
    for name in pairs(places) do
        if not known[name] then
            error(('no place %s in %s'):format(name, template), 0)
        end
    end
    for path, text in pairs(files) do
        write_file(dir .. path, text)
    end
    return ''
end

function actions.quit()
    os.exit(0)
end

local function serve(conn)
    local texts = {}
    for i = 0, tonumber((conn:read('\0', TIMEOUT) or ''):match('%d+')) or 0 do
        texts[i] = i == 0 or (conn:read('\0', TIMEOUT) or ''):sub(1, -2)
    end
    local action = actions[texts[1]]
    if action == nil then
        log.error('helper: no action %s', texts[1])
        return
    end
    local ok, result = pcall(action, unpack(texts, 2))
    result = tostring(result)
    conn:write(('%s %d\n%s'):format(ok and 'ok' or 'no', #result, result))
end

local server = assert(socket.tcp_server('127.0.0.1', 0, serve))
io.stdout:write(server:name().port, '\n')
io.stdout:flush()
-- Without box.cfg the process would end with its script.
while true do
    fiber.sleep(3600)
end
