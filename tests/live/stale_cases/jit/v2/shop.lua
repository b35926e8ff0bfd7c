local M = {}

function M.get()
    return 2
end

return M
