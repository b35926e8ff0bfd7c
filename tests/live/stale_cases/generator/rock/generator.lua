local M = {}

local function loop(callback)
    while true do
        coroutine.yield(callback())
    end
end

function M.start(callback)
    M.thread = coroutine.create(loop)
    coroutine.resume(M.thread, callback)
end

function M.next()
    return select(2, coroutine.resume(M.thread))
end

return M
