local M = {}

function M.on_connect()
    rawset(_G, 'seen', 'v1')
end

return M
