-- A rock calls a function again until it succeeds, and has it in an argument. A
-- request that has begun with the old code ends with it: the new one knows
-- nothing of its job.
local fiber = require('fiber')
local shop = require('shop')
local answer = fiber.channel(1)
rawset(_G, 'answer', answer)
fiber.create(function()
    answer:put(shop.handle(1))
end)
