local metatables = {}
local M = {}

function M.metatable(name)
    metatables[name] = metatables[name] or {__type = name}
    return metatables[name]
end

function M.new(name)
    return setmetatable({}, M.metatable(name))
end

return M
