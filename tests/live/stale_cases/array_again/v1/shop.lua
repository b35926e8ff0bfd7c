local M = {}

function M.get()
    return 'v1'
end

table.insert(require('bus').list, M.get)

return M
