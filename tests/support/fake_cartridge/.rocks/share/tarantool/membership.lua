-- Test stand-in for the rock "membership" 2.5, written from its documented and
-- observed behaviour: the members, their status, and what each of them reports
-- about itself.
--
-- The rock asks one member per second, and the news spreads by gossip. Here each
-- member sends all it knows to every other one several times a second, so that
-- tests need not wait long.

local digest = require('digest')
local fiber = require('fiber')
local log = require('log')
local msgpack = require('msgpack')
local socket = require('socket')
local uri_tools = require('uri')

local options = require('membership.options')

-- Of two reports with the same incarnation, the worse status wins.
local GRAVITY = {alive = 1, suspect = 2, dead = 3, ['non-decryptable'] = 4,
    left = 5}

-- Seconds between two messages to a member; seconds of silence that are tolerated.
local PERIOD, SILENCE = 0.2, 0.6

-- The state is a global table, so that it survives unloading of the module.
local state = rawget(_G, '__membership_stash')
if state == nil then
    state = {
        myself = nil,
        members = {},
        subscribers = setmetatable({}, {__mode = 'k'}),
        fibers = {},
        key = '',
    }
    rawset(_G, '__membership_stash', state)
end

local M = {}

local function notify()
    for cond in pairs(state.subscribers) do
        cond:broadcast()
    end
end

-- Updates a member with the three fields that members send about each other.
local function believe(uri, status, incarnation, payload)
    local member = state.members[uri]
    if member == nil then
        member = {incarnation = 0, heard = fiber.clock()}
        state.members[uri] = member
    end
    if member.status ~= status then
        member.heard = status == 'alive' and fiber.clock() or member.heard
        member.suspected = fiber.clock()
        if status ~= 'alive' then
            log.info('membership: %s is %s', uri, status)
        end
    end
    member.status = status
    member.incarnation = incarnation
    member.payload = payload or member.payload or {}
    member.timestamp = fiber.time64()
    notify()
end

local function hear(uri, news)
    local member = state.members[uri]
    local known = member and GRAVITY[member.status] or 0
    local incarnation = member and member.incarnation or 0
    if uri == state.myself then
        -- What others report about this instance matters only if it must be overridden.
        if news.incarnation > incarnation or news.status ~= 'alive'
            and news.incarnation == incarnation then
            believe(uri, 'alive', news.incarnation + 1)
        end
    elseif news.incarnation > incarnation
        or news.incarnation == incarnation and GRAVITY[news.status] > known then
        believe(uri, news.status, news.incarnation, news.payload)
    end
end

local function send(kind, uri)
    local address = uri_tools.parse(uri)
    if state.socket == nil or address == nil then
        return false
    end
    local news = {}
    for name, member in pairs(state.members) do
        news[name] = {
            status = member.status,
            incarnation = member.incarnation,
            payload = member.payload,
        }
    end
    local text = msgpack.encode({
        key = state.key,
        kind = kind,
        from = state.myself,
        news = news,
    })
    local host = address.host == 'localhost' and '127.0.0.1' or address.host
    local sent = state.socket:sendto(host, address.service, text)
    return sent ~= nil and sent > 0
end

local function receive(text)
    local ok, message = pcall(msgpack.decode, text)
    -- The port may have belonged to another cluster.
    if not ok or type(message) ~= 'table' or message.key ~= state.key then
        return
    end
    local from = message.from
    for uri, news in pairs(message.news) do
        hear(uri, news)
    end
    local member = state.members[from]
    if member ~= nil and from ~= state.myself then
        member.heard = fiber.clock()
        member.clock_delta = member.clock_delta or 0
    end
    if message.kind == 'ping' then
        send('pong', from)
    end
end

local function listen_loop(sock)
    fiber.name('membership.handle')
    while state.socket == sock do
        if sock:readable(1) and state.socket == sock then
            local text = sock:recv(65536)
            if text ~= nil then
                receive(text)
            end
        end
        fiber.testcancel()
    end
end

local function doubt(uri, member)
    local silent = fiber.clock() - member.heard
    local period = math.min(PERIOD, options.PROTOCOL_PERIOD_SECONDS)
    if member.status == 'alive' and silent > SILENCE + period
        and options.SUSPICIOUSNESS then
        believe(uri, 'suspect', member.incarnation)
    elseif member.status == 'suspect' and fiber.clock() - member.suspected
        > options.SUSPECT_TIMEOUT_SECONDS then
        believe(uri, 'dead', member.incarnation)
    end
end

local function ping_loop(sock)
    fiber.name('membership.main')
    local last = fiber.clock()
    while state.socket == sock do
        local now = fiber.clock()
        for uri, member in pairs(table.copy(state.members)) do
            if uri ~= state.myself and member.status ~= 'left' then
                -- After a pause of its own, the instance could not hear anybody.
                if now - last > SILENCE then
                    member.heard = now
                end
                doubt(uri, member)
                send('ping', uri)
            end
        end
        last = now
        fiber.sleep(math.min(PERIOD, options.PROTOCOL_PERIOD_SECONDS))
    end
end

function M.init(host, port)
    local sock = socket('AF_INET', 'SOCK_DGRAM', 'udp')
    local address = host == 'localhost' and '127.0.0.1' or host
    if not sock:bind(address, port) then
        error(('Socket bind error (%s/udp): %s'):format(port, sock:error()), 2)
    end
    sock:nonblock(true)
    state.socket = sock
    state.myself = ('%s:%s'):format(host, port)
    believe(state.myself, 'alive', 1, {})
    state.fibers = {fiber.new(ping_loop, sock), fiber.new(listen_loop, sock)}
    return true
end

function M.add_member(uri)
    local member = state.members[uri]
    if member == nil or member.status == 'left' then
        believe(uri, 'alive', member and member.incarnation + 1 or 1)
        state.members[uri].heard = fiber.clock()
        send('ping', uri)
    end
    return true
end

function M.remove_member(uri)
    state.members[uri] = nil
end

function M.get_member(uri)
    local member = state.members[uri]
    if member == nil then
        return nil
    end
    return {
        uri = uri,
        status = member.status,
        payload = table.copy(member.payload),
        incarnation = member.incarnation,
        timestamp = member.timestamp,
        clock_delta = member.clock_delta,
    }
end

function M.members()
    local members = {}
    for uri in pairs(state.members) do
        members[uri] = M.get_member(uri)
    end
    return members
end

function M.pairs()
    return pairs(M.members())
end

function M.myself()
    return state.myself and M.get_member(state.myself)
end

function M.set_payload(key, value)
    local me = state.members[state.myself]
    if me == nil then
        return false
    end
    if me.payload[key] ~= value then
        me.payload[key] = value
        believe(state.myself, me.status, me.incarnation + 1)
        for uri in pairs(table.copy(state.members)) do
            if uri ~= state.myself then
                send('pong', uri)
            end
        end
    end
    return true
end

function M.subscribe()
    local cond = fiber.cond()
    state.subscribers[cond] = true
    return cond
end

function M.unsubscribe(cond)
    state.subscribers[cond] = nil
end

function M.probe_uri(uri)
    local asked = fiber.clock()
    if uri == state.myself then
        return true
    elseif not send('ping', uri) then
        return nil, 'ping was not sent'
    end
    while fiber.clock() - asked < SILENCE do
        fiber.sleep(0.01)
        local member = state.members[uri]
        if member ~= nil and member.heard >= asked
            and member.clock_delta ~= nil then
            return true
        end
    end
    return nil, 'no response'
end

-- Sends a last message, so that the others no longer contact this instance.
function M.leave()
    local me = state.members[state.myself]
    if me == nil or state.socket == nil then
        return false
    end
    believe(state.myself, 'left', me.incarnation)
    for uri in pairs(state.members) do
        if uri ~= state.myself then
            send('pong', uri)
        end
    end
    state.socket:close()
    state.socket = nil
    return true
end

function M.set_encryption_key(key)
    state.key = digest.sha1_hex(key or '')
end

return M
