#!/usr/bin/env tarantool
-- An application most of whose code is deployed as extensions. See ../shop.

require('strict').on()
require('table.new')
require('table.clear')

if package.setsearchroot ~= nil then
    package.setsearchroot(require('fio').cwd())
end

local ok, err = require('cartridge').cfg({
    roles = {'extensions', 'app.roles.gate'},
    roles_reload_allowed = true,
    swim_broadcast = false,
}, {log_level = 5, memtx_memory = 32 * 1024 * 1024})
assert(ok, tostring(err))
