-- Records the role callbacks that ran; the list survives reloads.
local vars = require('cartridge.vars').new('shop.calls')
vars:new('list', {})

return {
    note = function(role, callback, version, opts)
        local text = ('%s.%s v%d'):format(role, callback, version)
        if opts ~= nil and opts.is_master ~= nil then
            text = text .. (opts.is_master and ' master' or ' replica')
        end
        table.insert(vars.list, text)
    end,
}
