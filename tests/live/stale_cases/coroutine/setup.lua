-- A coroutine that is no fiber is within the function.
rawset(_G, 'steps', coroutine.create(require('shop').steps))
coroutine.resume(rawget(_G, 'steps'))
