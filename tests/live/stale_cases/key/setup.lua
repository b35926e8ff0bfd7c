-- A rock keeps a function as the key of a table.
require('bus').names[require('shop').get] = 'get'
