-- A server of Tarantool calls the function for each connection.
require('socket').tcp_server('unix/', './shop.sock', {
    name = 'shop',
    handler = require('shop').serve,
})
