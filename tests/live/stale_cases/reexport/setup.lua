-- A rock keeps a function that two modules of the application export: one name
-- in each, but one function.
require('bus').handlers.get = require('api').get
