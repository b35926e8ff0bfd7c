-- The function can be called from C.
require('native').keep(require('shop').version)
