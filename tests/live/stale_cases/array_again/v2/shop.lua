local M = {}

function M.get()
    return 'v2'
end

table.insert(require('bus').list, M.get)

return M
