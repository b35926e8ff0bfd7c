local M = {}

function M.version()
    return 2
end

return M
