-- Test stand-in for the HTTP routes that Cartridge registers before any role
-- has a say.  A reload has to leave them alone.

return {
    init = function(httpd)
        httpd:route({method = 'POST', path = '/login',
            name = 'cartridge_auth_login'}, function()
            -- Nobody has a password here.
            return {status = 403}
        end)
        httpd:route({method = 'POST', path = '/logout',
            name = 'cartridge_auth_logout'}, function()
            return {status = 200}
        end)
        httpd:route({method = 'POST', path = '/admin/api', public = true},
            function(req)
                return req:render({json = {data = {}}})
            end)
        httpd:route({method = 'GET', path = '/admin'}, function(req)
            return req:render({text = 'web interface'})
        end)
    end,
}
