local M = {cache = {}}

function M.memoise(make)
    function M.get(name)
        M.cache[name] = M.cache[name] or make(name)
        return M.cache[name]
    end
end

return M
