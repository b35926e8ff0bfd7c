local M = {}

for _, name in ipairs({'get', 'put', 'delete'}) do
    M[name] = function()
        return name .. ' v1'
    end
end

return M
