local fiber = require('fiber')
-- As rocks do that are loaded before anything is staged.
local create = fiber.create
local M = {said = {}}

local function loop(task)
    fiber.name('timer')
    while true do
        table.insert(M.said, task.run())
        fiber.sleep(0.002)
    end
end

function M.every(run)
    create(function()
        fiber.name('timer')
        while true do
            table.insert(M.said, run())
            fiber.sleep(0.002)
        end
    end)
end

function M.start(task)
    create(loop, task)
end

--- What the timers say, and how many there are.
function M.listen()
    M.said = {}
    fiber.sleep(0.1)
    local is_said, list, count = {}, {}, 0
    for _, text in ipairs(M.said) do
        if not is_said[text] then
            is_said[text] = true
            table.insert(list, text)
        end
    end
    for _, item in pairs(fiber.info()) do
        count = count + (item.name == 'timer' and 1 or 0)
    end
    table.sort(list)
    return ('%d timers: %s'):format(count, table.concat(list, ', '))
end

return M
