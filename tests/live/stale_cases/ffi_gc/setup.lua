-- Objects of C have the function as their finalizer.
local ffi = require('ffi')
local close = require('shop').close

local objects = {}
for i = 1, 3 do
    objects[i] = ffi.gc(ffi.new('int[1]'), close)
end
rawset(_G, 'objects', objects)
