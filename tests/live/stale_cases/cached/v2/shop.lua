local M = {}

function M.get()
    return 'v2'
end

return M
