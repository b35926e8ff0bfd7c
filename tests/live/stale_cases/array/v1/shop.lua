local M = {}

function M.get()
    return 'get v1'
end

function M.put()
    return 'put v1'
end

return M
