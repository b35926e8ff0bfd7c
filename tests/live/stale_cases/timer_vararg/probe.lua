local fiber = require('fiber')
local timer = require('timer')

local deadline = fiber.clock() + 2
local ticks = timer.ticks
timer.last = 'nothing'
while timer.ticks < ticks + 2 and fiber.clock() < deadline do
    fiber.sleep(0.001)
end
return timer.last
