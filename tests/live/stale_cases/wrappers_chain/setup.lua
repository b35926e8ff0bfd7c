-- Wrappers of several modules around each other, one around a table, and one whose
-- variable has another name in the next version: that one is named, and there are
-- no more of them with each reload.
local library = require('library')
rawset(_G, 'count', function(call)
    rawset(_G, 'layers', 0)
    call()
    return rawget(_G, 'layers')
end)
rawset(_G, 'add_layer', function()
    rawset(_G, 'layers', (rawget(_G, 'layers') or 0) + 1)
end)
library.object = setmetatable({}, {__index = {field = 1}})
require('audit')
require('shop')
require('index')
require('renamed')
