local M = {names = {}}

function M.call_all()
    local results = {}
    for handler, name in pairs(M.names) do
        table.insert(results, name .. ' ' .. handler())
    end
    return unpack(results)
end

return M
