local M = {}

function M.on_disconnect()
    return 'v1'
end

return M
