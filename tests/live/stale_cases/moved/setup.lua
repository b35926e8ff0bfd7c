-- The new code registers the same functions at other places, and has given up
-- those that they had before.
require('role')
