local fiber = require('fiber')
local M = {}

local function work(pause)
    fiber.name('worker')
    while true do
        rawset(_G, 'shown', 'v2')
        fiber.sleep(pause)
    end
end

function M.start()
    return fiber.create(work, 0.002)
end

return M
