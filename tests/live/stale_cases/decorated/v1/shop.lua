local trace = require('trace')
local M = {}

M.get = trace(function()
    return 'v1'
end)

return M
