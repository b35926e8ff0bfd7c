-- A rock keeps handlers behind a table that cannot be written and that hides
-- its metatable.
require('bus').add('get', require('shop').get)
