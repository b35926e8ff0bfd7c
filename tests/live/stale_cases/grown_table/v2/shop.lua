local M = {handlers = {}, others = {}}

function M.handlers:run()
    return self:text()
end

function M.handlers:text()
    return self and 'v2'
end

function M.others:run()
    return self:text()
end

function M.others:text()
    return self and 'v2'
end

rawset(_G, 'all_handlers', {M.others})
return M
