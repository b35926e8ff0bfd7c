-- The loop of a rock runs over the function: it is in a local variable and,
-- where it counts, in a place of the loop itself. The loop goes on with the
-- iterator it began with.
require('timer').every(require('shop').get)
