-- scan/stand_ins.lua: finds the original of a stand-in.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.stand_ins')
local stand_ins = lib.load('scan.stand_ins')

case('the original is in an upvalue with one of the agreed names', function(t)
    local original, method, cdef, metatype, place = print, type, next, pairs, {original = ipairs}
    t:is(stand_ins.original_of(function() return original() end), print, 'original')
    t:is(stand_ins.original_of(function() return method() end), type, 'method')
    t:is(stand_ins.original_of(function() return cdef() end), next, 'cdef')
    t:is(stand_ins.original_of(function() return metatype() end), pairs, 'metatype')
    t:is(stand_ins.original_of(function() return place.original() end), ipairs, 'field original of place')
end)

case('other functions are no stand-ins', function(t)
    local other, original, place = print, {}, {}
    t:is(stand_ins.original_of(function() return other() end), nil, 'another name')
    t:is(stand_ins.original_of(function() return original end), nil, 'not a function')
    t:is(stand_ins.original_of(function() return place.x end), nil, 'a place without an original')
    place = {original = 5}
    t:is(stand_ins.original_of(function() return place.x end), nil, 'a place whose original is not a function')
    t:is(stand_ins.original_of(print), nil, 'a function without upvalues')
end)

lib.run()
