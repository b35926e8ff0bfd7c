-- A registered role that is enabled nowhere: none of its callbacks may run.
local calls = require('app.lib.calls')

local VERSION = 1
-- insert: spare_top

local M = {role_name = 'spare', version = VERSION}

function M.init(opts)
    calls.note('spare', 'init', VERSION, opts)
    return true
end

function M.apply_config(_, opts)
    calls.note('spare', 'apply', VERSION, opts)
    return true
end

function M.stop(opts)
    calls.note('spare', 'stop', VERSION, opts)
end

-- insert: spare_end

return M
