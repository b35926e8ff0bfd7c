local retry = require('retry')
local M = {}
local jobs = {}

local function attempt(id)
    local job = jobs[id]
    job.tries = job.tries + 1
    if job.tries < 5 then
        error('busy')
    end
    return 'v2'
end

function M.handle(id)
    jobs[id] = {tries = 0}
    local result = retry(attempt, 10, id)
    jobs[id] = nil
    return result
end

return M
