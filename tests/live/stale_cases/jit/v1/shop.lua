local M = {}

function M.get()
    return 1
end

return M
