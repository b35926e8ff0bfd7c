local M = {}

local count = 0

function M.get()
    count = count + 1
    return ('call %d v1'):format(count)
end

return M
