local M = {}

function M.get()
    return 'v1'
end

M.fetch = M.get

return M
