local httpd = require('cartridge').service_get('httpd')
local url = ('http://127.0.0.1:%d/'):format(httpd.port)

local serving = {}
for _, path in ipairs({'1', '2'}) do
    local reply = require('http.client').get(url .. path)
    if reply.status == 200 then
        table.insert(serving, ('/%s %s'):format(path, reply.body))
    end
end
for _, event in ipairs({'on_connect', 'on_disconnect'}) do
    for _, trigger in ipairs(box.session[event]()) do
        trigger()
        table.insert(serving, event .. ' ' .. rawget(_G, 'seen'))
    end
end
return unpack(serving)
