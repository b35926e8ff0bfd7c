local M = {}

function M.call(name)
    return M.handlers[name]()
end

return M
