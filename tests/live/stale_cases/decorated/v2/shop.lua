local trace = require('trace')
local M = {}

M.get = trace(function()
    return 'v2'
end)

return M
