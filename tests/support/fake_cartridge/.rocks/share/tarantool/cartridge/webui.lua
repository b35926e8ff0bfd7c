-- Test stand-in for the HTTP routes that Cartridge registers before any role does.
-- A reload must keep them.

return {
    init = function(httpd)
        httpd:route({method = 'POST', path = '/login',
            name = 'cartridge_auth_login'}, function()
            -- There are no users here.
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
