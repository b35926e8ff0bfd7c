local cartridge = require('cartridge')

local function hello()
    return {status = 200, body = 'v2'}
end

local function notice()
    rawset(_G, 'seen', 'v2')
end

local function init()
    local httpd = cartridge.service_get('httpd')
    httpd:route({method = 'GET', path = '/2'}, hello)
    box.session.on_disconnect(notice)
    return true
end

return {role_name = 'role', init = init}
