-- A rock remembers what a function has returned, under the function: that is not
-- what the new one would return.
require('memo').call(require('shop').get)
