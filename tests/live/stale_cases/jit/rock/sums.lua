local M = {}

function M.keep(callback)
    function M.sum(count)
        local sum = 0
        for _ = 1, count do
            sum = sum + callback()
        end
        return sum
    end
end

return M
