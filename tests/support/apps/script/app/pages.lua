local VERSION = 1
-- insert: pages_top

local M = {version = VERSION}

function M.page()
    return {status = 200, body = 'page v' .. VERSION}
end

-- insert: pages_end
return M
