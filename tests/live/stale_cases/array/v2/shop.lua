local M = {}

function M.get()
    return 'get v2'
end

function M.put()
    return 'put v2'
end

return M
