local M = {}

function M.compile()
    return loadstring("return 'v2'")
end

return M
