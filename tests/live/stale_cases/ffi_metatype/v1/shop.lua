local M = {}

function M.norm()
    return 'norm v1'
end

function M.index(_, name)
    return name .. ' v1'
end

return M
