local M = {handlers = {}, others = {}}

function M.handlers:run()
    return self and 'v1'
end

function M.others:run()
    return self and 'v1'
end

return M
