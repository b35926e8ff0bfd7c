local handlers = {}
local locked = setmetatable({}, {
    __index = handlers,
    __newindex = function()
        error('read-only')
    end,
    __metatable = false,
})
local M = {handlers = locked}

function M.add(name, handler)
    handlers[name] = handler
end

function M.call(name)
    return locked[name]()
end

return M
