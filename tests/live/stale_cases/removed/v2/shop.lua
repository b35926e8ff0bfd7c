local M = {}

function M.fetch()
    return 'v2'
end

return M
