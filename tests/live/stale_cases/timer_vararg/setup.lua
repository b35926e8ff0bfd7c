-- The loop of a rock has the function as one of its "...", and sleeps.
require('timer').every(require('shop').get)
