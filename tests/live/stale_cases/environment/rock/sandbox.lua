-- luacheck: read globals show
local M = {}

function M.page(functions)
    return setfenv(function()
        return show()
    end, functions)
end

return M
