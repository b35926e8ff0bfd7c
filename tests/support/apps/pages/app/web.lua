-- Functions that the controllers use, and some routes.

local VERSION = 1
-- insert: web_top

local M = {}

function M.version()
    return 'v' .. VERSION
end

function M.answer()
    return {status = 200, body = M.version()}
end

function M.start(httpd)
    httpd:route({path = '/version', method = 'GET'}, M.answer)
    -- insert: web_start
end

-- insert: web_end
return M
