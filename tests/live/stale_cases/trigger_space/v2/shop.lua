local M = {}

function M.on_replace()
    rawset(_G, 'seen', 'v2')
end

return M
