local M = {}

function M.make(name)
    return function()
        return name .. ' v2'
    end
end

return M
