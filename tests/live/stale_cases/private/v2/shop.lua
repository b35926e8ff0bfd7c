local M = {}

local function get()
    return 'v2'
end

function M.start()
    require('bus').handlers.get = get
end

return M
