#!/usr/bin/env tarantool
-- The main script of an application of the corpus that runs on Cartridge; what
-- is special about it is in setup.lua.

-- Tarantool 2.6 has them only after a require, and Cartridge expects them.
require('table.new')
require('table.clear')

local dir = require('fio').cwd()
package.setsearchroot(dir)

local ok, err = require('cartridge').cfg({
    roles = {'role'},
    roles_reload_allowed = true,
    cluster_cookie = 'corpus',
    swim_broadcast = false,
}, {log_level = 5, memtx_memory = 32 * 1024 * 1024})
assert(ok, tostring(err))
-- The harness configures it now.
local fiber = require('fiber')
while require('cartridge.confapplier').get_state() ~= 'RolesConfigured' do
    fiber.sleep(0.01)
end
dofile(dir .. '/setup.lua')
rawset(_G, 'corpus_is_set_up', true)
