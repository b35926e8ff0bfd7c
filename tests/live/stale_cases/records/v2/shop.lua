local M = {}

function M.get()
    return 'v2'
end

require('bus').subscribe(M.get)

return M
