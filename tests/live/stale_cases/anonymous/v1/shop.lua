local M = {}

function M.start()
    require('bus').handlers.get = function()
        return 'v1'
    end
end

return M
