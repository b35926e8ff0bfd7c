-- A coroutine of a rock that is no fiber has the function in a local variable.
require('generator').start(require('shop').get)
