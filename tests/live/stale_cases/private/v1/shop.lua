local M = {}

local function get()
    return 'v1'
end

function M.start()
    require('bus').handlers.get = get
end

return M
