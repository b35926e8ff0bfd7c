local M = {list = {}}

function M.call_all()
    local results = {}
    for i, handler in ipairs(M.list) do
        results[i] = handler()
    end
    return unpack(results)
end

return M
