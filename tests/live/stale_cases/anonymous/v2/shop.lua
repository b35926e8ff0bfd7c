local M = {}

function M.start()
    require('bus').handlers.get = function()
        return 'v2'
    end
end

return M
