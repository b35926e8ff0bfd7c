local M = {}

M.get = setmetatable({}, {
    __call = function()
        return 'v2'
    end,
})

return M
