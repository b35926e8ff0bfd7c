local M = {}

function M.norm()
    return 'norm v2'
end

function M.index(_, name)
    return name .. ' v2'
end

return M
