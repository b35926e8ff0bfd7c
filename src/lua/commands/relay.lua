--- Command `relay`: runs a request on another instance of the cluster, over Cartridge's
-- own connections, and returns its report.
--
-- The other instance gets exactly what the client would have sent: the same modules
-- and arguments. The push messages of that instance are passed on to the client.

local require = ...
local cartridge = require('platform.cartridge')
local clock = require('clock')
local deadline = require('core.deadline')
local failure = require('core.failure')
local json = require('json')
local msgpack = require('msgpack')
local request = require('commands.common.request')
-- `sources` is not a file: boot.lua provides the source of each module of this request
-- by name.
local sources = require('sources')

-- Time limit for connecting, in seconds. An instance that takes longer counts as
-- unreachable.
local CONNECT = 5
-- The fraction of the remaining time that the other instance may use.
local SHARE = 0.95

-- The report travels as a msgpack string, so that net.box does not convert its
-- values.
local FAR_END = [[
    local boot = assert(loadstring((...), '@cartridge-reload/boot.lua'))
    return require('msgpack').encode(boot(select(2, ...)))
]]

-- Appended to the message if there is no reply, but the command may still be running.
local UNSEEN = {
    reload = '; the instance rolls back on its own unless it has committed; '
        .. 'run `cartridge-reload status` to see the outcome',
    native = "; Cartridge's own reload has no time limit and continues; "
        .. 'run `cartridge-reload status` to see the outcome',
}

local function unreachable(code, message)
    return {outcome = 'unreachable', error = {code = code, message = message, transient = true}}
end

local function timeout(code, message, command)
    return {outcome = 'timeout', error = {code = code, message = message .. (UNSEEN[command] or '')}}
end

--- Connects to an instance and checks that the instance responds. An instance that
-- hangs must not get the request, because it would run the request later. The instance
-- responds with its own time, because its clock may differ from the one here.
-- @treturn[1] net.box connection
-- @treturn[1] number unix time of the instance, in seconds
-- @treturn[2] nil
-- @treturn[2] string why there is no connection
local function reach(uri, left)
    local limit = math.min(CONNECT, left / 2)
    local conn, err = cartridge.connect(uri, limit)
    if conn == nil then
        return nil, err
    end
    local ok, now = pcall(conn.eval, conn, "return require('clock').time()", {}, {timeout = limit})
    if ok then
        return conn, now
    elseif conn.state ~= 'active' then
        -- Do not return the error alone, because some errors have an empty text.
        return nil, ('connection lost (%s)'):format(tostring(now))
    end
    return nil, ('no answer within %.3g s (%s)'):format(limit, tostring(now))
end

--- Builds the arguments of `FAR_END`: the modules, and the request.
-- @tparam table far_args
-- @tparam number left seconds until the deadline
-- @tparam number now unix time of the other instance, in seconds
local function far_arguments(far_args, left, now)
    far_args.timeout = math.min(far_args.timeout or left, left * SHARE)
    far_args.not_after = now + far_args.timeout
    local arguments = {sources.boot}
    for name, source in pairs(sources) do
        table.insert(arguments, name)
        table.insert(arguments, source)
    end
    table.insert(arguments, json.encode(far_args))
    return arguments
end

local function relay(args, on_phase)
    local until_time = deadline.of(args)
    local conn, now_or_err = reach(args.uri, until_time - clock.monotonic())
    if conn == nil then
        return unreachable('connection_failed',
            ('%s cannot be reached from here: %s'):format(args.uri, now_or_err))
    end
    local left = until_time - clock.monotonic()
    local ok, reply = pcall(conn.eval, conn, FAR_END, far_arguments(args.request, left, now_or_err), {
        timeout = left,
        on_push = function(_, message)
            on_phase(message)
        end,
    })
    if ok then
        return (msgpack.decode(reply))
    elseif conn.state ~= 'active' then
        return timeout('closed', ('the connection to %s was lost: %s'):format(args.uri, tostring(reply)),
            args.request.command)
    elseif clock.monotonic() >= until_time then
        return timeout('deadline', ('no reply from %s in time'):format(args.uri), args.request.command)
    end
    -- This is not an error of the command: boot.lua would have caught it and put it
    -- into the report.
    local report = timeout('lua_error', (failure.describe(reply)), args.request.command)
    report.outcome = UNSEEN[args.request.command] and 'timeout' or 'failed'
    return report
end

return function(args)
    local late = request.check_deadline(args)
    if late ~= nil then
        return late
    end
    return request.run_in_fiber(args, function(on_phase)
        return relay(args, on_phase)
    end)
end
