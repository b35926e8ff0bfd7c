local M = {}

local count = 0

function M.get()
    count = count + 1
    return ('call %d v2'):format(count)
end

return M
