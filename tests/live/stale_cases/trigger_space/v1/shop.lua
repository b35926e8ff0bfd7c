local M = {}

function M.on_replace()
    rawset(_G, 'seen', 'v1')
end

return M
