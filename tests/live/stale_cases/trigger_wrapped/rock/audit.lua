local M = {}

function M.watch(space, callback)
    space:on_replace(function(old, new)
        callback(old, new)
    end)
end

return M
