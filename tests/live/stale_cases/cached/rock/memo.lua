local M = {}
local cache = setmetatable({}, {__mode = 'k'})

function M.call(f)
    cache[f] = cache[f] or f()
    return cache[f]
end

return M
