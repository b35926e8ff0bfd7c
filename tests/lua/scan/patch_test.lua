-- scan/mend.lua: puts a function into a place that had another.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.mend')

local mend = lib.load('scan.patch').mend

local function pair()
    return function() return 'old' end, function() return 'new' end
end

--- Whether a table has these entries and no others.
local function has_only(object, entries)
    for key, value in next, entries do
        if not rawequal(rawget(object, key), value) then
            return false
        end
    end
    for key in next, object do
        if entries[key] == nil then
            return false
        end
    end
    return true
end

case('a field, whatever the table says', function(t)
    local old, new = pair()
    local function throw() error('called') end
    local object = setmetatable({run = old}, {
        __newindex = throw, __index = throw, __len = throw, __eq = throw, __metatable = 'no',
    })
    t:is(mend({kind = 'field', key = 'run', object = object, func = old}, new), true, 'mended')
    t:is(rawget(object, 'run'), new, 'there it is')
    object = setmetatable({old}, debug.getmetatable(object))
    t:is(mend({kind = 'field', key = 1, object = object, func = old}, new), true, 'in a list')
end)

case('a list that has both functions is left alone', function(t)
    local old, new = pair()
    local object = {print, old, type, new}
    local ok, why = mend({kind = 'field', key = 2, object = object, func = old}, new)
    t:is(ok, false, 'not mended')
    t:is(why, 'the same list has the new function too', 'reason')
    t:is(object[2], old, 'as it was')
    object = {new, named = old}
    t:is(mend({kind = 'field', key = 'named', object = object, func = old}, new), true, 'a name is another matter')
    object = {old, print, [4] = new}
    t:is(mend({kind = 'field', key = 1, object = object, func = old}, new), true, 'a list ends at a gap')
end)

case('a list that had the old one twice gets the new one twice', function(t)
    local old, new = pair()
    local object = {old, old}
    t:is(mend({kind = 'field', key = 1, object = object, func = old}, new), true, 'first')
    t:is(mend({kind = 'field', key = 2, object = object, func = old, is_mended = true}, new), true, 'second')
    t:ok(has_only(object, {new, new}), 'both')
end)

case('an upvalue, also of a C function', function(t)
    local old, new = pair()
    local function holder() return old end
    t:is(mend({kind = 'upvalue', key = 1, object = holder, func = old}, new), true, 'mended')
    t:is(holder(), new, 'there it is')
    t:is(old, new, 'for all that share it')
    local iterator = string.gmatch('a', 'a')
    if debug.getupvalue(iterator, 1) ~= nil then
        local _, before = debug.getupvalue(iterator, 1)
        t:is(mend({kind = 'upvalue', key = 1, object = iterator, func = before}, before), true, 'of a C function')
    end
end)

case('a compiled loop sees it after a flush', function(t)
    local number = 0
    local function old() return 1 end
    local function new() return 2 end
    local holder = assert(loadstring([[
        local f = ...
        return function() local sum = 0 for _ = 1, 100 do sum = sum + f() end return sum end
    ]]))(old)
    for _ = 1, 100 do
        number = holder()
    end
    t:is(number, 100, 'before')
    mend({kind = 'upvalue', key = 1, object = holder, func = old}, new)
    jit.flush()
    t:is(holder(), 200, 'after')
end)

case('a root by its own way', function(t)
    local old, new = pair()
    local got
    local root = {set = function(...) got = {...} end}
    t:is(mend({kind = 'root', key = root, func = old}, new), true, 'mended')
    t:ok(got[1] == new and got[2] == old, 'new and old')
    root.set = function() error('no such trigger', 0) end
    local ok, why = mend({kind = 'root', key = root, func = old}, new)
    t:is(ok, false, 'what throws is not mended')
    t:is(why, 'no such trigger', 'and the reason is what it said')
end)

case('a key goes with its value', function(t)
    local old, new = pair()
    local object = {[old] = 'value', other = 1}
    t:is(mend({kind = 'key', key = old, object = object, func = old}, new), true, 'mended')
    t:ok(has_only(object, {[new] = 'value', other = 1}), 'moved')
    local function throw() error('called') end
    object = setmetatable({[old] = 'value'}, {__newindex = throw, __index = throw, __mode = 'k'})
    t:is(mend({kind = 'key', key = old, object = object, func = old}, new), true, 'whatever the table says')
    t:is(rawget(object, new), 'value', 'moved')
    t:is(rawget(object, old), nil, 'gone')
end)

case('a key that is taken', function(t)
    local old, new = pair()
    local object = {[old] = 1, [new] = 2}
    local ok, why = mend({kind = 'key', key = old, object = object, func = old}, new)
    t:is(ok, false, 'left')
    t:is(why, 'the same table has the new function too', 'reason')
    t:ok(has_only(object, {[old] = 1, [new] = 2}), 'as it was')
    object = {[old] = true, [new] = true}
    t:is(mend({kind = 'key', key = old, object = object, func = old}, new), true, 'a set is a set')
    t:ok(has_only(object, {[new] = true}), 'with one of them')
end)

case('values of keys are not compared by their own ways', function(t)
    local old, new = pair()
    local mt = {__eq = function() error('called') end}
    local object = {[old] = setmetatable({}, mt), [new] = setmetatable({}, mt)}
    local ok, why = mend({kind = 'key', key = old, object = object, func = old}, new)
    t:is(ok, false, 'left')
    t:is(why, 'the same table has the new function too', 'reason')
end)

case('locals of a coroutine, arguments among them', function(t)
    local old, new = pair()
    local got
    local co = coroutine.create(function(first, ...)
        local second = first
        coroutine.yield()
        got = {first, second, ...}
    end)
    coroutine.resume(co, old, old)
    local function place(name, index)
        return {kind = 'local', object = co, func = old, key = {level = 1, index = index, name = name}}
    end
    -- Where the frames are.
    t:is(debug.getinfo(co, 1, 'S').what, 'Lua', 'level')
    t:is(debug.getlocal(co, 1, 1), 'first', 'index')
    t:is(mend(place('first', 1), new), true, 'argument')
    t:is(mend(place('second', 2), new), true, 'local')
    t:is(mend(place('(*vararg)', -1), new), true, 'further argument')
    coroutine.resume(co)
    t:ok(has_only(got, {new, new, new}), 'all of them')
end)

case('loops and frames are left alone', function(t)
    local old, new = pair()
    local ok, why = mend({kind = 'local', object = coroutine.create(print), func = old,
        key = {level = 1, index = 1, name = '(for generator)'}}, new)
    t:is(ok, false, 'loop')
    t:is(why, 'a loop is running over it', 'reason')
    ok, why = mend({kind = 'frame', func = old}, new)
    t:is(ok, false, 'frame')
    t:is(why, 'it is running', 'reason')
end)

lib.run()
