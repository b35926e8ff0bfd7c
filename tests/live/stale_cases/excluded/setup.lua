-- A module of the application that is not reloaded keeps the table of one that
-- is.
require('page')
