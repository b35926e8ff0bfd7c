local M = {}

function M.fetch(_, number)
    return number + 1, {{number, 'v2'}}
end

return M
