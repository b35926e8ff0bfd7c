-- Keys of tables in messages.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.key_name')
local key_name = lib.load('core.key_name')

case('keys have names without calling their code', function(t)
    t:is(key_name('a'), 'a', 'a string')
    t:is(key_name(1), '1', 'a number')
    t:is(key_name(true), 'true', 'a boolean')
    local object = setmetatable({}, {__tostring = function() error('no text') end})
    t:like(key_name(object), '^table: 0x%x+$', 'a table')
    t:isnt(key_name({}), key_name(object), 'each has its own')
    t:like(key_name(require('ffi').new('int[1]')), '^cdata: 0x%x+$', 'C data')
end)

lib.run()
