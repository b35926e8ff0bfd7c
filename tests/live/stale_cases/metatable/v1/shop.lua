local M = {}

function M.price(_, name)
    return name .. ' v1'
end

function M.total()
    return 'total v1'
end

return M
