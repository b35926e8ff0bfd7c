-- Test stand-in for cartridge.lua-api.failover, written from its documented
-- behaviour, for the modes that this cartridge.failover supports.

local errors = require('errors')

local confapplier = require('cartridge.confapplier')
local topology = require('cartridge.topology')
local twophase = require('cartridge.twophase')

local FailoverSetParamsError = errors.new_class('FailoverSetParamsError')

return {
    get_params = function()
        return topology.get_failover_params(
            confapplier.get_readonly('topology'))
    end,
    set_params = function(params)
        local conf = confapplier.get_deepcopy('topology')
        if conf == nil then
            return nil, FailoverSetParamsError:new(
                "Current instance isn't bootstrapped yet")
        end
        if type(conf.failover) ~= 'table' then
            conf.failover = {mode = conf.failover and 'eventual' or 'disabled'}
        end
        for name, value in pairs(params or {}) do
            conf.failover[name] = value
        end
        return twophase.patch_clusterwide({topology = conf})
    end,
}
