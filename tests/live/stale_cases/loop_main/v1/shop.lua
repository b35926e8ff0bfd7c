local fiber = require('fiber')
local M = {}

local function work()
    fiber.name('worker')
    while true do
        rawset(_G, 'shown', 'v1')
        fiber.sleep(0.002)
    end
end

function M.start()
    return fiber.create(work)
end

return M
