local M = {}

function M.work()
    rawget(_G, 'gate'):get()
    return 'v1'
end

return M
