local M = {}

function M.hello()
    return {status = 200, body = 'route v1'}
end

function M.before(httpd)
    httpd.options.seen = 'hook v1'
end

function M.money()
    return 'helper v1'
end

return M
