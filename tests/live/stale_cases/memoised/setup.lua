-- A rock keeps what a function makes, a closure for each argument, and nobody
-- can tell what a new closure would have for this argument. The function that
-- makes them is mended.
require('memo').memoise(require('shop').make)
require('memo').get('old')
