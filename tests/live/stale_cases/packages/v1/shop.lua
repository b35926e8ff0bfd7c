local M = {}

function M.get()
    return 'get v1'
end

function M.load()
    return 'load v1'
end

return M
