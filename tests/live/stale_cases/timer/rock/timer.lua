local fiber = require('fiber')
local M = {ticks = 0}

local function loop(callback)
    fiber.name('timer')
    while true do
        M.last = callback()
        M.ticks = M.ticks + 1
        fiber.sleep(0.002)
    end
end

function M.every(callback)
    fiber.create(loop, callback)
end

return M
