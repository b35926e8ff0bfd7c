local M = {}

function M.close()
    rawset(_G, 'closed', 'v1')
end

return M
