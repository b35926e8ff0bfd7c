local M = {}

function M.get()
    return 'get v2'
end

function M.load()
    return 'load v2'
end

return M
