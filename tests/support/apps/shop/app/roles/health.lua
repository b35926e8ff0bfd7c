-- A permanent role: enabled everywhere without being listed.
local cartridge = require('cartridge')
local calls = require('app.lib.calls')

local VERSION = 1
-- insert: health_top

return {
    role_name = 'health',
    permanent = true,
    version = VERSION,
    init = function(opts)
        calls.note('health', 'init', VERSION, opts)
        local httpd = cartridge.service_get('httpd')
        httpd:route({path = '/health'}, function()
            return {status = 200, body = 'healthy v' .. VERSION}
        end)
        return true
    end,
    apply_config = function(_, opts)
        calls.note('health', 'apply', VERSION, opts)
        return true
    end,
    stop = function(opts)
        calls.note('health', 'stop', VERSION, opts)
    end,
}
