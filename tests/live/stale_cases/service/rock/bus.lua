local vars = require('cartridge.vars').new('bus')
local registry = require('cartridge.service-registry')

vars:new('handler')
local M = {}

function M.keep(handler)
    vars.handler = handler
    registry.set('pricing', {get = handler})
end

function M.call()
    return vars.handler()
end

return M
