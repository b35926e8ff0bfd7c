-- A module subscribes at a rock when it is loaded. The rock keeps a list of
-- tables, of closures of its own, and tables under the function as key.
require('shop')
