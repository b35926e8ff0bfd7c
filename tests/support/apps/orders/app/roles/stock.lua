-- What requests depend on: workers behind a channel, a service, a connection and
-- variables. stop() removes all of it.
local fiber = require('fiber')
local net_box = require('net.box')

local registry = require('cartridge.service-registry')
local vars = require('cartridge.vars').new('app.roles.stock')

local VERSION = 1
vars:new('jobs')
vars:new('workers')
vars:new('connection')
vars:new('current')
vars:new('served', 0)
-- insert: stock_top

local WORKERS = 6

local M = {role_name = 'stock', hidden = true, version = VERSION}

local function work(jobs)
    fiber.name('orders_worker')
    while true do
        local job = jobs:get()
        if job == nil then
            return
        end
        fiber.sleep(job.seconds)
        job.reply:put(VERSION)
    end
end

function M.init(opts)
    -- insert: stock_init
    if opts.is_master then
        -- Requests yield within a transaction, and also write on a replica.
        local ledger = box.schema.space.create('ledger', {
            engine = 'vinyl',
            is_local = true,
            if_not_exists = true,
        })
        ledger:create_index('pk', {parts = {1, 'unsigned'}, if_not_exists = true})
    end
    vars.jobs = fiber.channel(100)
    vars.workers = {}
    for i = 1, WORKERS do
        vars.workers[i] = fiber.create(work, vars.jobs)
    end
    vars.connection = vars.connection or net_box.connect(box.cfg.listen)
    registry.set('price', {
        get = function()
            return VERSION
        end,
    })
    -- insert: stock_init_end
    return true
end

function M.apply_config(conf, opts)
    -- insert: stock_apply
    vars.current = {
        version = VERSION,
        limit = (conf.orders or {}).limit,
        is_master = opts.is_master,
    }
    return true
end

function M.stop()
    -- insert: stock_stop
    registry.set('price', nil)
    for _, worker in ipairs(vars.workers) do
        worker:cancel()
    end
    vars.workers = nil
    vars.jobs:close()
    vars.jobs = nil
    vars.connection:close()
    vars.connection = nil
    vars.current = nil
end

function M.put(job)
    vars.jobs:put(job)
end

-- Returns the current service; checks that the connection is open.
function M.current()
    assert(vars.connection:ping({timeout = 5}), 'the connection is closed')
    vars.served = vars.served + 1
    return vars.current
end

return M
