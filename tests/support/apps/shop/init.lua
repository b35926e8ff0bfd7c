#!/usr/bin/env tarantool
-- A small shop on Cartridge: the application under test.  The harness copies
-- this directory, links .rocks, and sets TARANTOOL_* (read by Cartridge).
--
-- VERSION lines and "insert" lines are for the harness, which makes the other
-- versions of the application from this one: see tests/live/lib.sh.

require('strict').on()
-- Cartridge expects these functions; Tarantool 2.6 has them only after a require.
require('table.new')
require('table.clear')

if package.setsearchroot ~= nil then
    package.setsearchroot(require('fio').cwd())
end

-- Loaded before cartridge.cfg, so Cartridge's own reload does not reload it.
local settings = require('app.lib.settings')
local cartridge = require('cartridge')

-- insert: before_cfg

local ok, err = cartridge.cfg({
    roles = {
        'app.roles.health',
        'app.roles.storage',
        'app.roles.web',
        'app.roles.spare',
    },
    roles_reload_allowed = os.getenv('SHOP_RELOAD_ALLOWED') ~= 'no',
    cluster_cookie = settings.cookie,
    swim_broadcast = false,
}, {log_level = 5, memtx_memory = 32 * 1024 * 1024})
assert(ok, tostring(err))
