-- The function is in the storage of a fiber.
require('timer').every(require('shop').get)
