local M = {}

function M.make(name)
    return function()
        return name .. ' v1'
    end
end

return M
