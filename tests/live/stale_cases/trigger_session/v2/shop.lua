local M = {}

function M.on_connect()
    rawset(_G, 'seen', 'v2')
end

return M
