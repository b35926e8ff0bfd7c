-- A connection to another server is to call the function when it ends.
box.cfg({listen = 'unix/:./box.sock'})
local connection = require('net.box').connect('unix/:./box.sock')
connection:on_disconnect(require('shop').on_disconnect)
rawset(_G, 'connection', connection)
