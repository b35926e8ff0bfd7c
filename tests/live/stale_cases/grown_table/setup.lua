-- The main script gives a table of a module to a library. The new functions call
-- another one that the old table does not have. A second one is also with others,
-- so it is not known whose it is.
require('page').register(require('shop').handlers)
require('page').register(require('shop').others)
