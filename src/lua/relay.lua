--- Command `relay`: runs a request on another instance of the cluster, over
-- Cartridge's own connections, and returns its report.
--
-- The other instance gets what it would get from the client itself: the same
-- modules and the same arguments. What it says meanwhile is passed on.

local require = ...
local clock = require('clock')
local deadline = require('deadline')
local json = require('json')
local msgpack = require('msgpack')
local run = require('run')
-- Not a file: what came along with this request, name -> text.
local sources = require('sources')

-- Seconds. A connection that takes longer is not going to be.
local CONNECT = 5
-- The part of the time that is left to the other instance.
local SHARE = 0.95

-- As text, so that nothing is lost on the way that only Lua can express.
local FAR_END = [[
    local boot = assert(loadstring((...), '@cartridge-reload/boot.lua'))
    return require('msgpack').encode(boot(select(2, ...)))
]]

local function unreachable(code, message)
    return {outcome = 'unreachable', error = {code = code, message = message, transient = true}}
end

local function lost(message)
    return {outcome = 'timeout', error = {code = 'closed', message = message}}
end

local function connect(uri, left)
    local ok, conn, err = pcall(function()
        return require('cartridge.pool').connect(uri, {wait_connected = math.min(CONNECT, left)})
    end)
    if not ok then
        return nil, tostring(conn)
    elseif conn == nil then
        return nil, tostring(type(err) == 'table' and err.err or err)
    end
    return conn
end

--- The arguments for the other instance: modules, and what it is to do.
local function far_arguments(request, left)
    -- Its clock is another one.
    request.not_after = nil
    request.timeout = math.min(request.timeout or left, left * SHARE)
    local arguments = {sources.boot}
    for name, source in pairs(sources) do
        table.insert(arguments, name)
        table.insert(arguments, source)
    end
    table.insert(arguments, json.encode(request))
    return arguments
end

local function relay(args, on_phase)
    local until_time = deadline.of(args)
    local conn, err = connect(args.uri, until_time - clock.monotonic())
    if conn == nil then
        return unreachable('connection_failed', ('%s cannot be reached from here: %s'):format(args.uri, err))
    end
    local left = until_time - clock.monotonic()
    local ok, reply = pcall(conn.eval, conn, FAR_END, far_arguments(args.request, left), {
        timeout = left,
        on_push = function(_, message)
            on_phase(message)
        end,
    })
    if ok then
        return (msgpack.decode(reply))
    elseif clock.monotonic() >= until_time then
        return {
            outcome = 'timeout',
            error = {code = 'deadline', message = ('no reply from %s in time'):format(args.uri)},
        }
    elseif conn.state ~= 'active' then
        return lost(('the connection to %s was lost: %s'):format(args.uri, tostring(reply)))
    end
    return {outcome = 'failed', error = {code = 'lua_error', message = tostring(reply)}}
end

return function(args)
    local late = run.too_late(args)
    if late ~= nil then
        return late
    end
    return run.detached(args, function(on_phase)
        return relay(args, on_phase)
    end)
end
