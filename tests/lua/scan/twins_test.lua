-- scan/twins.lua: pairs functions that are registered in the same place.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.twins')

local pair = lib.load('scan.twins').pair

--- Returns the functions that a chunk returns.
local function compile(text)
    return {assert(loadstring(text, '@/app/shop.lua'))()}
end

--- Says what the functions of one text stand for in another, by what they return.
local function twins_of(old, new)
    local olds, said = compile(old), {}
    local twins = pair(olds, compile(new))
    for i, f in ipairs(olds) do
        said[i] = twins[f] and twins[f]() or '-'
    end
    return table.concat(said, ' ')
end

case('the same code is paired first, wherever it is now', function(t)
    t:is(twins_of('local a, b = "a", "b" return function() return a end, function() return b, 1 end',
        'local a, b = "A", "B"\n\nreturn function() return a end,\nfunction() return b, 1 end'), 'A B', 'moved')
    t:is(twins_of('local a, b = "a", "b" return function() return a end, function() return b, 1 end',
        'local a, b = "A", "B"\n\nreturn function() return b, 1 end,\nfunction() return a end'), 'A B', 'in any order')
    t:is(twins_of('local a = 1 return function() return a end', 'local b = "B"\nreturn b and function() return b end'),
        'B', 'another variable is another code, but the only one')
end)

case('then the same line with other code', function(t)
    t:is(twins_of('return function() return "v1" end,\nfunction() return "w1" end',
        'return function() return "v2" end,\nfunction() return "w2" end,\nfunction() return "x2" end'), 'v2 w2',
        'beside one that is new')
end)

case('then the same position among the rest', function(t)
    t:is(twins_of('return function() return "v1" end,\nfunction() return "w1" end',
        '\n\nreturn function() return "v2" end,\nfunction() return "w2" end'), 'v2 w2', 'as many')
    t:is(twins_of('return function() return "v1" end,\nfunction() return "w1" end',
        '\n\nreturn function() return "v2" end'), '- -', 'fewer')
    t:is(twins_of('return function() return "v1" end', '\n\nreturn function(a) return "v2" end'), '-',
        'with other parameters')
    t:is(twins_of('return function() return "v1" end', '\n\nreturn function(...) return "v2" end'), '-', 'or many')
end)

case('closures of the same code are paired in order', function(t)
    local text = 'local list = {} for i = 1, %d do list[i] = function() return "%s" .. i end end return unpack(list)'
    t:is(twins_of(text:format(3, 'v1 '), text:format(3, 'v2-')), 'v2-1 v2-2 v2-3', 'as many')
    t:is(twins_of(text:format(3, 'v1 '), text:format(2, 'v2-')), '- - -', 'fewer')
    t:is(twins_of(text:format(1, 'v1 '), text:format(2, 'v2-')), '-', 'more')
end)

lib.run()
