-- The HTTP interface of the shop.
local fiber = require('fiber')

local cartridge = require('cartridge')
local calls = require('app.lib.calls')
local prices = require('app.lib.prices')
local settings = require('app.lib.settings')

local VERSION = 1
-- insert: web_top

local M = {
    role_name = 'web',
    dependencies = {'app.roles.storage'},
    version = VERSION,
}

-- The last applied settings.
local limit, is_master

local function configured(req)
    return req:render({json = {
        limit = limit, is_master = is_master, version = VERSION,
    }})
end

local function hello()
    return {status = 200, body = 'hello v' .. VERSION}
end

local function named()
    return {status = 200, body = 'named v' .. VERSION}
end

-- Responds with the version of each module involved.
local function versions(req)
    return req:render({json = {
        web = VERSION,
        storage = cartridge.service_get('storage').version,
        prices = prices.version,
        settings = settings.version,
    }})
end

local function get_item(req)
    local storage = cartridge.service_get('storage')
    local price = storage.price(tonumber(req:stash('id')))
    if price == nil then
        return {status = 404, body = 'no such item'}
    end
    return req:render({json = {price = price, version = VERSION}})
end

local function put_item(req)
    local storage = cartridge.service_get('storage')
    storage.put(tonumber(req:stash('id')), req:json().cents)
    return {status = 201, body = 'created'}
end

local function slow(req)
    fiber.name('shop_slow')
    fiber.sleep(tonumber(req:query_param('seconds') or 1))
    return {status = 200, body = 'slow v' .. VERSION}
end

local function file(req)
    return {status = 200, body = 'file ' .. req:stash('path')}
end

function M.validate_config()
    calls.note('web', 'validate', VERSION)
    -- insert: web_validate
    return true
end

function M.init(opts)
    calls.note('web', 'init', VERSION, opts)
    -- insert: web_init
    local httpd = cartridge.service_get('httpd')
    httpd:route({method = 'GET', path = '/hello'}, hello)
    httpd:route({method = 'GET', path = '/named', name = 'shop_named'}, named)
    httpd:route({method = 'GET', path = '/versions'}, versions)
    httpd:route({method = 'GET', path = '/configured'}, configured)
    httpd:route({method = 'GET', path = '/item/:id'}, get_item)
    httpd:route({method = 'POST', path = '/item/:id'}, put_item)
    httpd:route({method = 'GET', path = '/slow'}, slow)
    httpd:route({method = 'GET', path = '/file/*path'}, file)
    -- insert: web_init_end
    return true
end

function M.apply_config(conf, opts)
    calls.note('web', 'apply', VERSION, opts)
    -- insert: web_apply
    limit, is_master = (conf.shop or {}).limit, opts.is_master
    return true
end

function M.stop(opts)
    calls.note('web', 'stop', VERSION, opts)
    -- insert: web_stop
end

-- insert: web_end

return M
