-- scan/patch.lua: replaces the function in a place.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.patch')

local patch = lib.load('scan.patch').patch

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

case('a field is replaced without metamethods', function(t)
    local old, new = pair()
    local function throw() error('called') end
    local object = setmetatable({run = old}, {
        __newindex = throw, __index = throw, __len = throw, __eq = throw, __metatable = 'no',
    })
    t:is(patch({kind = 'field', key = 'run', object = object, value = old}, new), true, 'patched')
    t:is(rawget(object, 'run'), new, 'there it is')
    object = setmetatable({old}, debug.getmetatable(object))
    t:is(patch({kind = 'field', key = 1, object = object, value = old}, new), true, 'in a list')
end)

case('an upvalue is replaced, also one of a C function', function(t)
    local old, new = pair()
    local function holder() return old end
    t:is(patch({kind = 'upvalue', key = 1, object = holder, value = old}, new), true, 'patched')
    t:is(holder(), new, 'there it is')
    t:is(old, new, 'for all that share it')
    local iterator = string.gmatch('a', 'a')
    if debug.getupvalue(iterator, 1) ~= nil then
        local _, before = debug.getupvalue(iterator, 1)
        t:is(patch({kind = 'upvalue', key = 1, object = iterator, value = before}, before), true, 'of a C function')
    end
end)

case('a compiled loop sees the new function after a flush', function(t)
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
    patch({kind = 'upvalue', key = 1, object = holder, value = old}, new)
    jit.flush()
    t:is(holder(), 200, 'after')
end)

case('a root is replaced by its own setter', function(t)
    local old, new = pair()
    local got
    local root = {set = function(...) got = {...} end}
    t:is(patch({kind = 'root', key = root, value = old}, new), true, 'patched')
    t:ok(got[1] == new and got[2] == old, 'new and old')
    root.set = function() error('no such trigger', 0) end
    local ok, why = patch({kind = 'root', key = root, value = old}, new)
    t:is(ok, false, 'what throws is not patched')
    t:is(why, 'no such trigger', 'and the reason is what it said')
end)

case('an old key is removed if new code has added its own', function(t)
    local old, new = pair()
    local function throw() error('called') end
    local mt = {__newindex = throw, __index = throw, __eq = throw, __mode = 'k'}
    local object = setmetatable({[old] = setmetatable({}, mt), [new] = 2, other = 1}, mt)
    t:is(patch({kind = 'key', key = old, object = object, value = old}, new), true, 'patched')
    t:ok(has_only(object, {[new] = 2, other = 1}), 'gone, whatever the table says')
    object = {[old] = true, [new] = true}
    t:is(patch({kind = 'key', key = old, object = object, value = old, is_iterated = true}, new), true,
        'also while a loop is running')
    t:ok(has_only(object, {[new] = true}), 'gone')
end)

case('a key is not moved if entries may be computed from it', function(t)
    local old, new = pair()
    local object = {[old] = 'cached'}
    local ok, why = patch({kind = 'key', key = old, object = object, value = old}, new)
    t:is(ok, false, 'left')
    t:is(why, 'the new code has not registered a replacement', 'reason')
    t:ok(has_only(object, {[old] = 'cached'}), 'as it was')
end)

case('a key of a module table is moved if the new table has it too', function(t)
    local old, new = pair()
    local object = {[old] = 'name'}
    local place = {kind = 'key', key = old, object = object, value = old, counterpart = {[new] = 'name'},
        is_iterated = true}
    local ok, why = patch(place, new)
    t:is(ok, false, 'left while a loop is running')
    t:is(why, 'a loop is iterating over the table', 'reason')
    place.is_iterated = false
    t:is(patch(place, new), true, 'patched')
    t:ok(has_only(object, {[new] = 'name'}), 'moved')
    t:is(patch({kind = 'key', key = old, object = {[old] = 1}, value = old, counterpart = {}}, new), false,
        'not if the new one has not')
end)

case('locals and arguments of a coroutine are replaced', function(t)
    local old, new = pair()
    local got
    local co = coroutine.create(function(first, ...)
        local second = first
        coroutine.yield()
        got = {first, second, ...}
    end)
    coroutine.resume(co, old, old)
    local function place(name, index)
        return {kind = 'local', object = co, value = old, key = {level = 1, index = index, name = name}}
    end
    -- Where the frames are.
    t:is(debug.getinfo(co, 1, 'S').what, 'Lua', 'level')
    t:is(debug.getlocal(co, 1, 1), 'first', 'index')
    t:is(patch(place('first', 1), new), true, 'argument')
    t:is(patch(place('second', 2), new), true, 'local')
    t:is(patch(place('(*vararg)', -1), new), true, 'further argument')
    coroutine.resume(co)
    t:ok(has_only(got, {new, new, new}), 'all of them')
end)

case('loops and frames are left alone', function(t)
    local old, new = pair()
    local ok, why = patch({kind = 'local', object = coroutine.create(print), value = old,
        key = {level = 1, index = 1, name = '(for generator)'}}, new)
    t:is(ok, false, 'loop')
    t:is(why, 'a loop is iterating over it', 'reason')
    ok, why = patch({kind = 'frame', value = old}, new)
    t:is(ok, false, 'frame')
    t:is(why, 'it is running', 'reason')
end)

lib.run()
