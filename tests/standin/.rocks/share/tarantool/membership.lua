-- Test stand-in for the rock "membership", written from its documented
-- behaviour.  Nothing is sent anywhere: the only member is this process and
-- those that a test adds by hand.

local fiber = require('fiber')

-- The state is one global table, so that unloading the module loses nothing.
local state = rawget(_G, '__membership_stash')
if state == nil then
    state = {
        myself = nil,
        members = {},
        subscribers = setmetatable({}, {__mode = 'k'}),
    }
    rawset(_G, '__membership_stash', state)
end

local function notify()
    for cond in pairs(state.subscribers) do
        cond:broadcast()
    end
end

local M = {}

function M.init(host, port)
    state.myself = ('%s:%s'):format(host, port)
    M.add_member(state.myself)
    return true
end

function M.add_member(uri)
    if state.members[uri] == nil then
        state.members[uri] = {
            uri = uri,
            status = 'alive',
            incarnation = 1,
            clock_delta = 0,
            payload = {},
        }
        notify()
    end
    return true
end

function M.members()
    return state.members
end

function M.pairs()
    return pairs(state.members)
end

function M.get_member(uri)
    return state.members[uri]
end

function M.myself()
    return state.members[state.myself]
end

function M.set_payload(key, value)
    local me = M.myself()
    if me == nil then
        return false
    end
    me.payload[key] = value
    me.incarnation = me.incarnation + 1
    notify()
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
    return state.members[uri] ~= nil or nil, 'no response'
end

function M.leave()
    local me = M.myself()
    if me ~= nil then
        me.status = 'left'
        notify()
    end
    return true
end

function M.set_encryption_key() end

return M
