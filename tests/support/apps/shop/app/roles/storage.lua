-- Stores the items of the shop.
local audit = require('app.roles.audit')
local calls = require('app.lib.calls')
local prices = require('app.lib.prices')

local VERSION = 1
-- insert: storage_top

local M = {
    role_name = 'storage',
    dependencies = {'app.roles.audit'},
    version = VERSION,
}

function M.validate_config(new, _)
    calls.note('storage', 'validate', VERSION)
    -- insert: storage_validate
    local shop = new.shop or {}
    if shop.limit ~= nil and type(shop.limit) ~= 'number' then
        return nil, 'shop.limit must be a number'
    end
    return true
end

function M.init(opts)
    calls.note('storage', 'init', VERSION, opts)
    -- insert: storage_init
    if opts.is_master then
        local items = box.schema.space.create('items', {if_not_exists = true})
        items:create_index('pk', {
            parts = {1, 'unsigned'},
            if_not_exists = true,
        })
    end
    rawset(_G, 'shop_price', function(id) return M.price(id) end)
    return true
end

function M.apply_config(_, opts)
    calls.note('storage', 'apply', VERSION, opts)
    -- insert: storage_apply
    return true
end

function M.stop(opts)
    calls.note('storage', 'stop', VERSION, opts)
    -- insert: storage_stop
    rawset(_G, 'shop_price', nil)
end

function M.put(id, cents)
    audit.record()
    box.space.items:replace({id, cents})
    return true
end

function M.price(id)
    local item = box.space.items:get(id)
    return item and prices.format(item[2])
end

-- insert: storage_end

return M
