local M = {}

function M.compile()
    return loadstring("return 'v1'")
end

return M
