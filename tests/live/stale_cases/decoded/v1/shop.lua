local json = require('json')

local M = {}

function M.configure(text)
    M.config = json.decode(text)
end

function M.find()
    return 'find v1, ' .. (M.config and #M.config.limits or 'no') .. ' limits'
end

return M
