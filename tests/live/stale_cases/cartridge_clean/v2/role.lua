local cartridge = require('cartridge')

local function hello()
    return {status = 200, body = 'v2'}
end

local function on_connect()
    rawset(_G, 'seen', 'v2')
end

local function init()
    local httpd = cartridge.service_get('httpd')
    httpd:route({method = 'GET', path = '/hello'}, hello)
    httpd:hook('before_dispatch', function() end)
    httpd:helper('version', function()
        return 'v2'
    end)
    box.session.on_connect(on_connect)
    return true
end

local function get()
    return 'v2'
end

return {role_name = 'role', init = init, get = get}
