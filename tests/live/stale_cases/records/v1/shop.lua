local M = {}

function M.get()
    return 'v1'
end

require('bus').subscribe(M.get)

return M
