local fiber = require('fiber')
local M = {ticks = 0}

local function loop()
    fiber.name('timer')
    while true do
        M.last = fiber.self().storage.callback()
        M.ticks = M.ticks + 1
        fiber.sleep(0.002)
    end
end

function M.every(callback)
    fiber.create(function()
        fiber.self().storage.callback = callback
        callback = nil
        loop()
    end)
end

return M
