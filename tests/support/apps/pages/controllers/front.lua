local base = require('base')
local fiber = require('fiber')
local web = require('app.web')

local VERSION = 1
-- insert: front_top

local M = {}

function M.show(req)
    return req:render({version = base.decorate('v' .. VERSION), web = web.version()})
end

function M.text(req)
    return req:render({text = ('v%d %s %s'):format(VERSION, web.version(), base.decorate('base'))})
end

function M.slow(req)
    fiber.name('pages_slow')
    fiber.sleep(1)
    return M.text(req)
end

-- insert: front_end
return M
