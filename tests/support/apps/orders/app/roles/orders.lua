-- Requests that take seconds. Each responds with the versions of all the code that
-- took part in it.
local fiber = require('fiber')

local again = require('again')
local cartridge = require('cartridge')
local registry = require('cartridge.service-registry')

local VERSION = 1
-- insert: orders_top

local M = {
    role_name = 'orders',
    dependencies = {'app.roles.stock'},
    version = VERSION,
}

local requests = {}

-- A rock calls this function until it does not fail.
local attempts = {}
local function attempt(id)
    attempts[id] = attempts[id] + 1
    if attempts[id] < 4 then
        error('busy')
    end
    return VERSION
end

function requests.retry(id, seconds)
    attempts[id] = 0
    local version = again(attempt, 6, seconds / 3, id)
    attempts[id] = nil
    return VERSION, version
end

local function transact(id, seconds)
    local committed
    box.begin()
    box.space.ledger:replace({id, VERSION})
    box.on_commit(function()
        committed = VERSION
    end)
    fiber.sleep(seconds)
    local ok, err = pcall(box.commit)
    if not ok then
        -- A change of leader aborts transactions.
        box.rollback()
        error(err, 0)
    end
    return assert(committed, 'on_commit was not called')
end

function requests.transaction(id, seconds)
    return VERSION, again(transact, 20, 0, id, seconds)
end

local function part(seconds)
    fiber.sleep(seconds)
    return VERSION
end

function requests.joined(_, seconds)
    local parts, versions = {}, {VERSION}
    for i = 1, 3 do
        parts[i] = fiber.new(part, seconds)
        parts[i]:set_joinable(true)
    end
    for _, f in ipairs(parts) do
        local ok, version = f:join()
        table.insert(versions, ok and version or error(version))
    end
    return unpack(versions)
end

function requests.queued(_, seconds)
    local reply = fiber.channel(1)
    cartridge.service_get('stock').put({seconds = seconds, reply = reply})
    return VERSION, reply:get(10) or error('nobody works')
end

function requests.service(_, seconds)
    local before = registry.get('price').get()
    fiber.sleep(seconds)
    return VERSION, before, registry.get('price').get(), cartridge.service_get('stock').version
end

function requests.vars(_, seconds)
    local stock = cartridge.service_get('stock')
    local before = stock.current().version
    fiber.sleep(seconds)
    return VERSION, before, stock.current().version
end

function requests.module(_, seconds)
    local before = require('app.lib.prices').version
    fiber.sleep(seconds)
    return VERSION, before, require('app.lib.prices').version, require('app.roles.stock').version
end

function requests.coroutine(_, seconds)
    local versions = {VERSION}
    local step = coroutine.wrap(function(pause)
        while true do
            fiber.sleep(pause)
            coroutine.yield(VERSION)
        end
    end)
    for _ = 1, 3 do
        table.insert(versions, step(seconds / 3))
    end
    return unpack(versions)
end

local Order = {}
Order.__index = Order

function Order:pay()
    self.tries = self.tries + 1
    if self.tries < 4 then
        error('busy')
    end
    return VERSION
end

function requests.method(_, seconds)
    local order = setmetatable({tries = 0}, Order)
    return VERSION, again(order.pay, 6, seconds / 3, order), order:pay()
end

local function handle(req)
    local f = requests[req:stash('kind')]
    local versions = {f(tonumber(req:query_param('id')), tonumber(req:query_param('seconds')))}
    return {status = 200, body = table.concat(versions, ' ')}
end

function M.validate_config()
    -- insert: orders_validate
    return true
end

function M.init()
    -- insert: orders_init
    local httpd = cartridge.service_get('httpd')
    httpd:route({method = 'GET', path = '/request/:kind'}, handle)
    httpd:route({method = 'GET', path = '/version'}, function()
        return {status = 200, body = tostring(VERSION)}
    end)
    -- insert: orders_init_end
    return true
end

function M.apply_config()
    -- insert: orders_apply
    return true
end

function M.stop()
    -- insert: orders_stop
end

return M
