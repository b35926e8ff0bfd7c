-- A role registers what it needs each time it is initialised.
require('role')
