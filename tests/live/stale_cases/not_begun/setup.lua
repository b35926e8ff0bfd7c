-- Coroutines that have not begun have no stack that can be looked at.
local get = require('shop').get
rawset(_G, 'threads', {coroutine.create(get), coroutine.create(get), coroutine.create(get)})
