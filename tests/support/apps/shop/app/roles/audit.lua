-- A hidden role that others depend on; runs a loop in the background.
local fiber = require('fiber')

local calls = require('app.lib.calls')
local vars = require('cartridge.vars').new('shop.audit')

local VERSION = 1
vars:new('events', 0)
vars:new('loop')
-- insert: audit_top

local M = {role_name = 'audit', hidden = true, version = VERSION}

local function work()
    fiber.name('shop_audit_v' .. VERSION)
    while true do
        fiber.sleep(0.05)
        fiber.testcancel()
    end
end

function M.init(opts)
    calls.note('audit', 'init', VERSION, opts)
    -- insert: audit_init
    vars.loop = fiber.new(work)
    return true
end

function M.apply_config(_, opts)
    calls.note('audit', 'apply', VERSION, opts)
    -- insert: audit_apply
    return true
end

function M.stop(opts)
    calls.note('audit', 'stop', VERSION, opts)
    -- insert: audit_stop
    if vars.loop ~= nil and vars.loop:status() ~= 'dead' then
        vars.loop:cancel()
    end
    vars.loop = nil
end

function M.record()
    vars.events = vars.events + 1
    return vars.events
end

-- insert: audit_end

return M
