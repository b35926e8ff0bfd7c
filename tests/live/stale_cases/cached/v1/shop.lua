local M = {}

function M.get()
    return 'v1'
end

return M
