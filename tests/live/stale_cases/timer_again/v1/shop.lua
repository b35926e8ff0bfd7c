local timer = require('timer')
local M = {}

function M.named()
    return 'named v1'
end

timer.every(M.named)
timer.every(function()
    return 'anonymous v1'
end)
timer.start({run = function()
    return 'task v1'
end})
for number = 1, 2 do
    timer.every(function()
        return number .. ' of v1'
    end)
end

return M
