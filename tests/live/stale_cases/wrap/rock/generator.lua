local M = {}

local function loop(callback)
    while true do
        coroutine.yield(callback())
    end
end

function M.start(callback)
    M.next = coroutine.wrap(loop)
    M.next(callback)
end

return M
