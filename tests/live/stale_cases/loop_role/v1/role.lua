local fiber = require('fiber')
local vars = require('cartridge.vars').new('role')

vars:new('loop')

local function work()
    fiber.name('worker')
    while true do
        rawset(_G, 'shown', 'v1')
        fiber.sleep(0.002)
    end
end

local function init()
    if vars.loop == nil or vars.loop:status() == 'dead' then
        vars.loop = fiber.create(work)
    end
    rawset(_G, 'loop_of', function()
        return vars.loop
    end)
end

return {
    role_name = 'role',
    init = init,
}
