local M = {}

function M.steps()
    while true do
        coroutine.yield('v1')
    end
end

return M
