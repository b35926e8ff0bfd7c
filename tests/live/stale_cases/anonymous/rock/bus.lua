local M = {handlers = {}}

function M.call(name)
    return M.handlers[name]()
end

return M
