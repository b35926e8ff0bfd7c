-- The command `relay`: a request for another instance. Here the other instance is
-- this process, through an ordinary connection.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.relay')
local clock = require('clock')
local fiber = require('fiber')
local fio = require('fio')
local net_box = require('net.box')

local URI = 'host:3301'

local function source(name)
    local file = assert(io.open(('%s/%s.lua'):format(lib.src, (name:gsub('%.', '/'))), 'rb'))
    local text = file:read('*a')
    file:close()
    return text
end

--- The scripts sent with a request: the program's own and some for the test.
local function sources(scripts, ...)
    local list = {boot = source('boot')}
    for name, text in pairs(scripts) do
        list[name] = text
    end
    for _, name in ipairs({...}) do
        list[name] = source(name)
    end
    return list
end

--- A script that is a command: what it returns is the report.
local function command(text)
    return 'local require = ...\nreturn function(args)\n' .. text .. '\nend'
end

--- Makes Cartridge's pool return that connection, or fail.
local function pool(connect)
    package.loaded['cartridge.pool'] = {connect = connect}
    lib.defer(function() package.loaded['cartridge.pool'] = nil end)
end

local listening

--- Opens a connection to this process, closed after the case.
local function connection()
    lib.box()
    if not listening then
        listening = fio.pathjoin(fio.abspath(box.cfg.work_dir), 'iproto')
        box.cfg({listen = 'unix/:' .. listening})
        box.schema.user.grant('guest', 'execute', 'universe')
    end
    local conn = net_box.connect('unix/:' .. listening)
    assert(conn:wait_connected(5), conn.error)
    lib.defer(function() conn:close() end)
    return conn
end

--- Creates a pool with a connection to this process.
local function reachable()
    local conn = connection()
    pool(function() return conn end)
    return conn
end

--- Relays a request.
-- @treturn table report
-- @treturn {string,...} phases
local function relay(script_list, request, args)
    local phases = {}
    local stubs = {
        ['commands.common.request'] = {
            check_deadline = lib.load('commands.common.request').check_deadline,
            run_in_fiber = function(_, work)
                return work(function(phase) table.insert(phases, phase) end)
            end,
        },
        sources = script_list,
    }
    args = args or {}
    args.uri, args.request, args.timeout = URI, request, args.timeout or 5
    return lib.load('commands.relay', stubs)(args), phases
end

case('the report of the other instance is returned', function(t)
    reachable()
    local report = relay(sources({['commands.echo'] = command([[
        return {
            outcome = 'ok', alias = 'r\0\255"1', generation = 7, list = {}, deep = {{a = {1, 2.5}}},
            none = box.NULL, big = 2ULL ^ 60, no = false,
        }]])}), {command = 'echo'})
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.cartridge_reload, 1, 'made by boot')
    t:is(report.alias, 'r\0\255"1', 'any bytes')
    t:is(report.generation, 7, 'numbers')
    t:is_deeply(report.deep, {{a = {1, 2.5}}}, 'tables')
    t:ok(report.none == nil, 'nothing')
    t:is(report.no, false, 'booleans')
end)

case('the other instance gets the arguments and modules', function(t)
    reachable()
    local report = relay(sources({
        ['commands.echo'] = command("return {outcome = require('helper'), args = args}"),
        helper = "return 'ok'",
    }), {command = 'echo', modules = {'a.*', '"\n'}, verbose = true, holder = 'me@here', timeout = 30}, {timeout = 60})
    t:is(report.outcome, 'ok', 'a module')
    t:is_deeply(report.args.modules, {'a.*', '"\n'}, 'a list')
    t:is(report.args.holder, 'me@here', 'a string')
    t:is(report.args.verbose, true, 'a boolean')
    t:is(report.args.timeout, 30, 'the time, as there is enough')
    t:ok(math.abs(report.args.not_after - clock.time() - 30) < 10, 'and when it ends')
end)

case('the other instance gets less time than the gateway', function(t)
    reachable()
    local list = sources({['commands.echo'] = command('return {outcome = tostring(args.timeout)}')})
    local given = tonumber(relay(list, {command = 'echo', timeout = 60}, {timeout = 20}).outcome)
    t:ok(given < 20 and given > 10, ('%g of 20 s'):format(given))
    given = tonumber(relay(list, {command = 'echo'}, {timeout = 20}).outcome)
    t:ok(given < 20 and given > 10, 'also if it was not told how much')
    given = tonumber(relay(list, {command = 'echo'}, {timeout = 60, not_after = clock.time() + 20}).outcome)
    t:ok(given < 20 and given > 10, 'the end of the time counts')
end)

case('the other instance measures its time on its own clock', function(t)
    local conn = connection()
    local skewed = setmetatable({eval = function(_, code, ...)
        local result = conn:eval(code, ...)
        -- The reply to the request for the time.
        return type(result) == 'number' and result - 1000 or result
    end}, {__index = conn})
    pool(function() return skewed end)
    local late = command("return require('commands.common.request').check_deadline(args) or {outcome = 'ok'}")
    local list = sources({['commands.late'] = late},
        'commands.common.request', 'commands.common.instance', 'core.codes', 'core.environment',
        'core.failure', 'platform.cartridge',
        'platform.config', 'core.stash', 'core.yield', 'frameworks.cartridge', 'frameworks.config',
        'frameworks.detect', 'frameworks.none', 'platform.roles')
    t:is(relay(list, {command = 'late'}).outcome, 'timeout', 'it is over there')
    pool(function() return conn end)
    t:is(relay(list, {command = 'late', not_after = 1}).outcome, 'ok', 'and is not, whatever it is here')
end)

case('messages are passed on in order', function(t)
    reachable()
    local report, phases = relay(sources({['commands.echo'] = command([[
        for _, phase in ipairs({'compile', 'load', 'init'}) do
            box.session.push(phase)
        end
        return {outcome = 'ok'}]])}), {command = 'echo'})
    if lib.has_push() then
        t:is(report.outcome, 'ok', 'outcome')
        t:is_deeply(phases, {'compile', 'load', 'init'}, 'phases')
    else
        t:is(report.error.code, 'internal_error', 'switched off on this server')
    end
end)

case('a status is relayed', function(t)
    reachable()
    local report = relay(sources({}, 'commands.status', 'platform.cartridge', 'platform.config', 'core.codes',
        'core.environment', 'core.failure', 'commands.common.instance', 'core.stash',
        'frameworks.cartridge', 'frameworks.config',
        'frameworks.detect', 'frameworks.none', 'platform.package_reload', 'platform.roles'),
        {command = 'status'})
    t:is(report.outcome, 'ok', 'outcome')
    t:is(report.uuid, box.info.uuid, 'uuid')
    t:is(report.status.box, 'running', 'box')
end)

case('an internal error of the other instance is reported as such', function(t)
    reachable()
    local report = relay(sources({['commands.echo'] = command("error('no good')")}), {command = 'echo'})
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'internal_error', 'code')
    t:like(report.error.message, 'no good', 'message')
end)

case('an instance that refuses the connection is unreachable', function(t)
    for _, err in ipairs({{err = '"host:3301": Connection refused', class_name = 'NetboxConnectError'}, 'refused'}) do
        pool(function(uri, opts)
            t:is(uri, URI, 'address')
            t:ok(opts.wait_connected > 0 and opts.wait_connected <= 5, 'patience')
            return nil, err
        end)
        local report = relay(sources({}), {command = 'reload'})
        t:is(report.outcome, 'unreachable', 'outcome')
        t:is(report.error.code, 'connection_failed', 'code')
        t:like(report.error.message, 'the gateway cannot reach host:3301: .*refused', 'message')
        t:ok(report.error.transient, 'it may pass')
    end
    pool(function() error('unknown option', 0) end)
    local report = relay(sources({}), {command = 'reload'})
    t:is(report.outcome, 'unreachable', 'a pool that raises')
    t:like(report.error.message, 'unknown option', 'message')
end)

case('an instance that does not answer gets no request', function(t)
    local asked, given = 0
    pool(function()
        return {state = 'active', eval = function(_, _, _, opts)
            asked, given = asked + 1, opts.timeout
            fiber.sleep(opts.timeout)
            error('', 0)
        end}
    end)
    local report = relay(sources({}), {command = 'reload'}, {timeout = 2})
    t:is(report.outcome, 'unreachable', 'outcome')
    t:like(report.error.message, 'the gateway cannot reach .*: no answer within 1 s', 'message')
    t:is(asked, 1, 'asked for a sign of life only')
    t:ok(given > 0 and given <= 1, 'in half of the time')
    pool(function()
        return {state = 'error', eval = function() error('Peer closed', 0) end}
    end)
    report = relay(sources({}), {command = 'reload'})
    t:is(report.outcome, 'unreachable', 'a connection that breaks then')
    t:like(report.error.message, 'Peer closed', 'message')
end)

case('an instance that takes too long is a timeout', function(t)
    reachable()
    local list = {}
    for _, name in ipairs({'status', 'reload', 'native'}) do
        list['commands.' .. name] = command("require('fiber').sleep(30)")
    end
    list = sources(list)
    local reports = fiber.channel(3)
    for _, name in ipairs({'status', 'reload', 'native'}) do
        fiber.create(function()
            reports:put({name, relay(list, {command = name}, {timeout = 3})})
        end)
    end
    local by_command = {}
    for _ = 1, 3 do
        local name, report = unpack(reports:get(20) or {})
        by_command[name or 'none'] = report
    end
    t:ok(by_command.none == nil, 'nobody waits for it')
    local report = by_command.status
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(report.error.code, 'deadline', 'code')
    t:is(report.error.message, 'no reply from host:3301 in time', 'message')
    t:like(by_command.reload.error.message, 'in time; the instance rolls back on its own',
        'what it means for a reload')
    t:like(by_command.native.error.message, 'in time; .* has no time limit', "and for Cartridge's own")
end)

case('a timeout of the connection before the deadline is a timeout', function(t)
    pool(function()
        local count = 0
        return {state = 'active', eval = function()
            count = count + 1
            return count == 1 and clock.time() or box.error(box.error.TIMEOUT)
        end}
    end)
    local report = relay(sources({}), {command = 'status'}, {timeout = 60})
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(report.error.code, 'deadline', 'code')
end)

case('a connection lost during the request reports an unknown outcome', function(t)
    local conn = reachable()
    local channel = fiber.channel(1)
    rawset(_G, 'relay_test', channel)
    lib.defer(function() rawset(_G, 'relay_test', nil) end)
    local list = sources({['commands.reload'] = command([[
        rawget(_G, 'relay_test'):put(true)
        require('fiber').sleep(1)]])})
    fiber.create(function()
        channel:get(5)
        conn:close()
    end)
    local report = relay(list, {command = 'reload'})
    t:is(report.outcome, 'timeout', 'its end was not seen')
    t:is(report.error.code, 'closed', 'code')
    t:like(report.error.message, 'the connection to host:3301 was lost: .+; the instance rolls back', 'message')
end)

case('an error raised by the other instance leaves the outcome of a reload unknown', function(t)
    reachable()
    local list = {boot = "error('cancelled', 0)"}
    local report = relay(list, {command = 'status'})
    t:is(report.outcome, 'failed', 'a command that only looks has failed')
    t:is(report.error.code, 'lua_error', 'code')
    t:like(report.error.message, 'cancelled', 'message')
    report = relay(list, {command = 'reload'})
    t:is(report.outcome, 'timeout', 'what became of a reload is not known')
    t:like(report.error.message, 'cancelled; the instance rolls back', 'message')
end)

case('a relay whose time is over sends no request', function(t)
    pool(function() t:fail('connected') end)
    local report = relay(sources({}), {command = 'reload'}, {not_after = clock.time() - 1})
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(report.error.code, 'deadline', 'code')
end)

lib.run()
