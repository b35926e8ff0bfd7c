local M = {}

local handlers = {
    get = function()
        return 'v1'
    end,
}

-- Two modules that know each other.
function M.shop()
    return require('shop')
end

function M.get()
    return handlers.get()
end

return M
