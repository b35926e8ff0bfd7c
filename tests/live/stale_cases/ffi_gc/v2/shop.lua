local M = {}

function M.close()
    rawset(_G, 'closed', 'v2')
end

return M
