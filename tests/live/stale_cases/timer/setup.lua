-- The loop of a rock has the function in a local variable, and sleeps.
require('timer').every(require('shop').get)
