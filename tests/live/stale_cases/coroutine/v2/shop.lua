local M = {}

function M.steps()
    while true do
        coroutine.yield('v2')
    end
end

return M
