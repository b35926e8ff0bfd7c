local M = {}

function M.protect(callback)
    return function()
        return callback()
    end
end

return M
