local fiber = require('fiber')

local deadline = fiber.clock() + 2
rawset(_G, 'shown', nil)
while rawget(_G, 'shown') == nil and fiber.clock() < deadline do
    fiber.sleep(0.001)
end
return rawget(_G, 'loop_of')():status(), rawget(_G, 'shown')
