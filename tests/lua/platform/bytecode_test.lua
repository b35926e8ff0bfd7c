-- platform/bytecode.lua: which functions never end, and which names they use.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.bytecode')

local bytecode = lib.load('platform.bytecode')

local function loops(text)
    return bytecode.loops_for_ever(assert(loadstring(text)))
end

case('loops without an exit are recognised', function(t)
    for _, text in ipairs({
        'while true do f() end',
        'while 1 do f() end',
        'repeat f() until false',
        'g() while true do if a then f() end end',
        'while true do for i = 1, 2 do f(i) end while b do f() end end',
        'while true do local a = 1 f(function() return a end) end',
        'while true do for _, x in pairs(t) do if x then break end end end',
        'while true do local function g() return 1 end f(g) end',
        'while true do if a then f() else g() end end',
        'while true do while true do f() end end',
        'if a then while true do f() end end',
        '::top:: while true do f() if not a then f() end end',
    }) do
        t:is(loops(text), true, text)
    end
end)

case('loops with an exit are recognised', function(t)
    for _, text in ipairs({
        'f()',
        'while a do f() end',
        'while not stop.now do f() end',
        'repeat f() until a',
        'repeat local a = f() until a',
        'while true do if a then break end f() end',
        'while true do local b if a then break end f(function() return b end) end',
        'while true do if a then return end f() end',
        'while true do if a then return f() end end',
        'while true do if a then return f(...) end end',
        'for i = 1, 10 do f(i) end',
        'for _, x in pairs(t) do f(x) end',
        'while true do if a then goto out end end ::out:: f()',
    }) do
        t:is(loops(text), false, text)
    end
end)

case('names used by a function are listed', function(t)
    local wanted = {extra = true, other = true}
    local function find(text)
        return bytecode.find_constant(assert(loadstring(text)), wanted)
    end
    t:is(find('return self:extra()'), 'extra', 'a method')
    t:is(find('return t.other'), 'other', 'a field')
    t:is(find('return function() return function() return t.extra end end'), 'extra', 'in a function within')
    t:is(find('local extra = 1 return extra, t.third'), nil, 'none')
    t:is(bytecode.find_constant(print, wanted), nil, 'a function of C')
end)

lib.run()
