local cartridge = require('cartridge')

local function hello()
    return {status = 200, body = 'v1'}
end

local function notice()
    rawset(_G, 'seen', 'v1')
end

local function init()
    local httpd = cartridge.service_get('httpd')
    httpd:route({method = 'GET', path = '/1'}, hello)
    box.session.on_connect(notice)
    return true
end

return {role_name = 'role', init = init}
