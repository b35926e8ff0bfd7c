local M = {}

function M.hello()
    return {status = 200, body = 'route v2'}
end

function M.before(httpd)
    httpd.options.seen = 'hook v2'
end

function M.money()
    return 'helper v2'
end

return M
