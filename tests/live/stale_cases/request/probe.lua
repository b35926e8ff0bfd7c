local done = require('pool').done
local gate = rawget(_G, 'gate')
gate:put(true, 2)
local first = done:get(2)
gate:put(true, 2)
return first, done:get(2)
