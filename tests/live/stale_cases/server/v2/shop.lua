local M = {}

function M.serve(connection)
    connection:write('v2\n')
end

return M
