local M = {}

function M.fetch(_, number)
    return number + 1, {{number, 'v1'}}
end

return M
