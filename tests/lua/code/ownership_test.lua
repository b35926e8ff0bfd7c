-- code/ownership.lua: which code a function belongs to.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('code.ownership')

local function begin()
    local ownership = lib.load('code.ownership').new()
    local function new_code(text, path)
        local chunk = assert(loadstring(text, '@' .. path))
        ownership:record(chunk, path)
        return chunk
    end
    return ownership, new_code
end

case('functions of a recorded chunk are new at any depth', function(t)
    local ownership, code = begin()
    local chunk = code('return function() return function() return function() end end end', '/app/a.lua')
    local outer = chunk()
    t:ok(ownership:is_new(chunk), 'chunk')
    t:ok(ownership:is_new(outer), 'function')
    t:ok(ownership:is_new(outer()()), 'function in a function in a function')
    t:ok(not ownership:is_old(outer), 'and not old')
end)

case('functions of an earlier load of a recorded file are old', function(t)
    local ownership, code = begin()
    local text = 'return function() end'
    local old = lib.old_code(text, '/app/a.lua')()
    local new = code(text, '/app/a.lua')()
    t:ok(ownership:is_old(old), 'same text, earlier load')
    t:ok(not ownership:is_new(old), 'and not new')
    t:ok(ownership:is_new(new), 'same text, recorded load')
end)

case('functions of other files are neither old nor new', function(t)
    local ownership, code = begin()
    code('return 1', '/app/a.lua')
    local other = lib.old_code('return function() end', '/app/b.lua')()
    for label, value in pairs({
        other = other, builtin = fiber.sleep, c = print, number = 1, string = 's', table = {},
        thread = coroutine.create(print),
    }) do
        t:ok(not ownership:is_old(value) and not ownership:is_new(value), label)
    end
    t:ok(not ownership:is_old(nil) and not ownership:is_new(nil), 'nil')
end)

case('forgetting a file makes its code old', function(t)
    local ownership = begin()
    local old = lib.old_code('return function() end', '/app/gone.lua')()
    t:ok(not ownership:is_old(old), 'before')
    ownership:forget('/app/gone.lua')
    t:ok(ownership:is_old(old), 'after')
end)

case('closures of the same code are the same, of two loads they are not', function(t)
    local ownership = begin()
    local text = 'return function() end'
    local chunk = lib.old_code(text, '/app/a.lua')
    t:ok(ownership.is_same(chunk(), chunk()), 'two closures')
    t:ok(not ownership.is_same(chunk(), lib.old_code(text, '/app/a.lua')()), 'two loads')
    t:ok(ownership.is_same(print, print), 'one C function')
    t:ok(not ownership.is_same(print, pairs), 'two C functions')
    t:ok(not ownership.is_same(nil, chunk()), 'nil')
end)

case('a library\'s closure around a function belongs to the function\'s generation', function(t)
    local ownership, code = begin()
    local wrap = lib.old_code('return function(f) local g = f return function(...) return g(...) end end',
        '/rocks/wrap.lua')()
    local old = lib.old_code('return function() end', '/app/a.lua')()
    local new = code('return function() end', '/app/a.lua')()
    t:ok(ownership:wraps_old(wrap(wrap(old))), 'twice wrapped old one')
    t:ok(ownership:wraps_new(wrap(wrap(new))), 'twice wrapped new one')
    t:ok(not ownership:wraps_new(wrap(old)), 'old is not new')
    t:ok(not ownership:wraps_old(wrap(new)), 'new is not old')
    t:ok(not ownership:wraps_old(wrap(print)), 'of nobody')
end)

case('new code that holds an old function stays new', function(t)
    local ownership, code = begin()
    local old = lib.old_code('return function() end', '/app/a.lua')()
    local new = code('local old = ... return function() return old() end', '/app/a.lua')(old)
    t:ok(not ownership:wraps_old(new), 'not old')
    t:ok(ownership:wraps_new(new), 'but new')
end)

case('functions that refer to each other in a circle are no problem', function(t)
    local ownership = begin()
    local f = lib.old_code('local a, b function a() return b() end function b() return a() end return a',
        '/rocks/x.lua')()
    t:ok(not ownership:wraps_old(f), 'nothing old there')
end)

case('only the fiber of the reload counts as asking', function(t)
    local ownership = begin()
    t:ok(not ownership:is_asking(), 'before')
    ownership:enter()
    t:ok(ownership:is_asking(), 'the fiber itself')
    t:ok(coroutine.wrap(function() return ownership:is_asking() end)(), 'a coroutine in it')
    t:ok(not lib.elsewhere(function() return ownership:is_asking() end), 'another fiber')
end)

case('new code counts as asking in every fiber', function(t)
    local ownership, code = begin()
    local function ask()
        return (ownership:is_asking())
    end
    local text = 'local ask = ... return function() local yes = ask() return yes end'
    local new, old = code(text, '/app/a.lua')(ask), lib.old_code(text, '/app/a.lua')(ask)
    t:is(lib.elsewhere(new), true, 'new code')
    t:is(lib.elsewhere(old), false, 'old code')
    t:is(lib.elsewhere(function()
        local ok, yes = pcall(new)
        return ok and yes
    end), true, 'new code below pcall')
end)

lib.run()
