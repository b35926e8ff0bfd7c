local M = {}

function M.version()
    return 1
end

return M
