-- The coroutine is within a function that was made by coroutine.wrap.
require('generator').start(require('shop').get)
