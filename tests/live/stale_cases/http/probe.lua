local httpd = require('cartridge').service_get('httpd')
local reply = require('http.client').get(('http://127.0.0.1:%d/hello'):format(httpd.port))
local seen = httpd.options.seen
httpd.options.seen = nil
return reply.body or reply.status, tostring(seen), httpd.helpers.money and httpd.helpers.money() or 'nothing'
