--- Command `relay`: forwards a request to another instance of the cluster over
-- Cartridge's own connections, and returns the report of that instance.
--
-- The other instance gets the request that the client would have sent to it directly:
-- the same modules, and the same arguments except for the time limits. The push messages
-- of that instance are passed on to the client.

local require = ...
local cartridge = require('platform.cartridge')
local clock = require('clock')
local deadline = require('core.deadline')
local failure = require('core.failure')
local json = require('json')
local msgpack = require('msgpack')
local request = require('commands.common.request')
-- The `sources` module has no file. boot.lua creates it: a table with the source text
-- of each module in the request.
local sources = require('sources')

-- Time limit for connecting, in seconds. The same limit then applies to the first
-- answer. A slower instance counts as unreachable.
local CONNECT = 5
-- The fraction of the remaining time that the other instance may use. The rest is
-- reserved for the reply.
local SHARE = 0.95

-- Lua code that runs on the other instance. It returns the report as a MessagePack
-- string, so that net.box does not convert the values in the report.
local FAR_END = [[
    local boot = assert(loadstring((...), '@cartridge-reload/boot.lua'))
    return require('msgpack').encode(boot(select(2, ...)))
]]

-- Command -> text that is appended to the error message if the reply is missing but the
-- command may still be running.
local UNSEEN = {
    reload = '; the instance rolls back on its own unless it has committed; '
        .. 'run `cartridge-reload status` to see the outcome',
    native = "; Cartridge's own reload has no time limit and is still running; "
        .. 'run `cartridge-reload status` to see the outcome',
}

local function unreachable(code, message)
    return {outcome = 'unreachable', error = {code = code, message = message, transient = true}}
end

local function timeout(code, message, command)
    return {outcome = 'timeout', error = {code = code, message = message .. (UNSEEN[command] or '')}}
end

--- Connects to an instance and checks that it responds. An instance that hangs must not
-- get the request, because it would run the request later. The instance responds with
-- its own clock time, because its clock may differ from the local one.
-- @treturn[1] net.box connection
-- @treturn[1] number Unix time of the instance, in seconds
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
        -- The text of the error may be empty, so put it after a fixed message.
        return nil, ('connection lost (%s)'):format(tostring(now))
    end
    return nil, ('no answer within %.3g s (%s)'):format(limit, tostring(now))
end

--- Builds the arguments of `FAR_END`: the source text of the modules, and the request
-- in JSON.
-- @tparam table far_args the request; its time limits are set by this function
-- @tparam number left seconds until the deadline
-- @tparam number now Unix time of the other instance, in seconds
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

--- Returns whether an error is net.box's timeout error, which depends on the version of
-- Tarantool. The error may come just before the deadline: the event loop measures time
-- less precisely than the monotonic clock.
local function is_timeout(err)
    return type(err) == 'cdata' and (err.code == box.error.TIMEOUT or err.type == 'TimedOut')
end

local function relay(args, on_phase)
    local until_time = deadline.of(args)
    local conn, now_or_err = reach(args.uri, until_time - clock.monotonic())
    if conn == nil then
        return unreachable('connection_failed',
            ('the gateway cannot reach %s: %s'):format(args.uri, now_or_err))
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
    elseif is_timeout(reply) or clock.monotonic() >= until_time then
        return timeout('deadline', ('no reply from %s in time'):format(args.uri), args.request.command)
    end
    -- This error does not come from the command itself: boot.lua would have caught such
    -- an error and put it into the report.
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
