local timer = require('timer')
local M = {}

function M.named()
    return 'named v2'
end

timer.every(M.named)
timer.every(function()
    return 'anonymous v2'
end)
timer.start({run = function()
    return 'task v2'
end})
for number = 1, 2 do
    timer.every(function()
        return number .. ' of v2'
    end)
end

return M
