local M = {}

function M.price(_, name)
    return name .. ' v2'
end

function M.total()
    return 'total v2'
end

return M
