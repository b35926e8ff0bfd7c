local M = {}

function M.pair(callback)
    return {
        function()
            return callback()
        end,
        function()
            return callback()
        end,
    }
end

return M
