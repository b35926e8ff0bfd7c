local M = {}

function M.work()
    rawget(_G, 'gate'):get()
    return 'v2'
end

return M
