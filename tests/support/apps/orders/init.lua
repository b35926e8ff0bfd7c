#!/usr/bin/env tarantool
-- An application whose requests take seconds, each in a different idiom; for reloads
-- with requests in flight. See tests/live/orders_lib.sh.

require('strict').on()
-- Cartridge expects these functions; Tarantool 2.6 has them only after a require.
require('table.new')
require('table.clear')

local cwd = require('fio').cwd()
if package.setsearchroot ~= nil then
    package.setsearchroot(cwd)
end
-- A rock of this application, in addition to those that the harness links.
package.path = cwd .. '/vendor/.rocks/share/tarantool/?.lua;' .. package.path

local ok, err = require('cartridge').cfg({
    roles = {'app.roles.stock', 'app.roles.orders'},
    roles_reload_allowed = true,
    cluster_cookie = 'orders-secret',
    swim_broadcast = false,
}, {log_level = 5, memtx_memory = 32 * 1024 * 1024})
assert(ok, tostring(err))
