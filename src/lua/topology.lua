--- Command `topology`: the instances of the cluster that this one belongs to.

local require = ...
local cartridge_lib = require('cartridge')
local instance = require('instance')
local run = require('run')

return function()
    local cartridge = cartridge_lib.detect()
    if cartridge == nil then
        return run.refused({
            code = 'no_cartridge',
            message = 'the instance does not run Cartridge, so it knows of no cluster',
        })
    end
    local instances, why = cartridge:instances()
    if instances == nil then
        return run.refused({code = 'no_topology', message = why})
    end
    local report = instance.describe('ok')
    report.topology = {entry = report.uuid, instances = instances}
    return report
end
