local M = {}

function M.on_disconnect()
    return 'v2'
end

return M
