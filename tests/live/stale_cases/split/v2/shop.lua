local M = {}

function M.get()
    return 'v2'
end

function M.fetch()
    return 'fetched v2'
end

return M
