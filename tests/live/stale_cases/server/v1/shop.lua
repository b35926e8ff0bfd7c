local M = {}

function M.serve(connection)
    connection:write('v1\n')
end

return M
