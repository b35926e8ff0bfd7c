local VERSION = 1
-- insert: jobs_top
local fiber = require('fiber')

local M = {version = VERSION}

--- Starts a job: an object with a destructor.
function M.start()
    local job = {}
    function job:destroy()
        table.insert(rawget(_G, 'ended'), -VERSION)
        self.fiber:cancel()
    end
    job.fiber = fiber.create(function()
        fiber.name('job')
        while true do
            rawset(_G, 'job_version', VERSION)
            fiber.sleep(0.01)
        end
    end)
    package.reload:register(job)
    package.reload:register(job, function(self)
        self:destroy()
    end)
    package.reload:register(function(first, second)
        table.insert(rawget(_G, 'ended'), first + second)
    end, VERSION, 100)
end

-- insert: jobs_end
return M
