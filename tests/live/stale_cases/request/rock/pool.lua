local fiber = require('fiber')
local M = {done = fiber.channel()}

function M.start(work)
    fiber.create(function()
        fiber.name('pool')
        while true do
            M.done:put(work())
        end
    end)
end

return M
