local fiber = require('fiber')
local M = {failures = fiber.channel(), jobs = fiber.channel()}

local function loop()
    while true do
        M.jobs:get()()
    end
end

function M.start(on_error)
    fiber.create(function()
        fiber.name('worker')
        while true do
            local _, answer = xpcall(loop, on_error)
            M.failures:put(answer)
        end
    end)
end

return M
