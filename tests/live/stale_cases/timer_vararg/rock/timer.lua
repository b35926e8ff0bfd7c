local fiber = require('fiber')
local M = {ticks = 0}

local function loop(...)
    fiber.name('timer')
    while true do
        M.last = (...)()
        M.ticks = M.ticks + 1
        fiber.sleep(0.002)
    end
end

function M.every(...)
    fiber.create(loop, ...)
end

return M
