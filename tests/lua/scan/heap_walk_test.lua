-- scan/heap_walk.lua: the walk over the heap.

local clock = require('clock')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.heap_walk')

--- Functions to be found.
local function new_stale()
    return assert(loadstring('return function() end', '@/app/old.lua'))()
end

--- Compiles foreign code that has no reference to this file.
local function code(text, ...)
    return assert(loadstring(text, '@/rocks/rock.lua'))(...)
end

--- Walks over some values.
-- @tparam {any,...} values the roots
-- @tparam {function,...} stale
-- @tparam ?table options
-- @treturn {table,...} places
-- @treturn table walk
-- @treturn boolean what `run` returned
local function walk_over(values, stale, options)
    options = options or {}
    local is_stale, places, roots = {}, {}, {}
    for _, f in ipairs(stale) do
        is_stale[f] = true
    end
    local texts = {}
    local walk_lib = (options.load or lib.loader())('scan.heap_walk')
    local walk = walk_lib.new({
        classify = options.classify or function(f)
            return is_stale[f] and 'stale' or 'other'
        end,
        on_place = function(number, kind, key, f, object)
            table.insert(places, {number = number, kind = kind, key = key, func = f, object = object})
            return options.on_place and options.on_place(kind, key, f, object)
        end,
        on_loadstring_function = function(number)
            table.insert(texts, number)
        end,
        deadline = options.deadline or clock.monotonic() + 60,
        limit = options.limit or 1e9,
        without = options.without or {},
        lists = options.lists,
    })
    for i, value in ipairs(values) do
        roots[i] = {value = value}
    end
    return places, walk, walk:run(roots), texts, walk_lib
end

local function kinds(places)
    local list = {}
    for i, place in ipairs(places) do
        list[i] = place.kind
    end
    table.sort(list)
    return table.concat(list, ' ')
end

case('fields, keys and roots are walked', function(t)
    local old = new_stale()
    local holder = {field = old, [old] = 'x', [1] = old}
    local places, walk, done = walk_over({holder, old}, {old})
    t:is(done, true, 'walked to the end')
    t:is(kinds(places), 'field field key root', 'each place')
    for _, place in ipairs(places) do
        t:is(place.func, old, 'the function')
        if place.kind == 'field' then
            t:is(holder[place.key], old, 'key')
        elseif place.kind == 'root' then
            t:is(place.number, -2, 'minus the number of the root')
            t:is(place.key.value, old, 'and the root')
        end
        if place.kind ~= 'root' then
            t:is(place.object, holder, 'object')
            t:is(walk:at(place.number), holder, 'by its number')
        end
    end
end)

case('upvalues of functions are walked', function(t)
    local old = new_stale()
    local holder = code([[
        local old, other = ...
        return function() return other, old end
    ]], old, {})
    local places = walk_over({holder}, {old})
    t:is(kinds(places), 'upvalue', 'kind')
    t:is(places[1].key, 2, 'number of the upvalue')
    t:is(places[1].object, holder, 'function')
    t:is(debug.getupvalue(holder, 2), 'old', 'it is that one')
end)

case('stale functions are not entered', function(t)
    local inner = new_stale()
    local outer = code('local inner, t = ... return function() return inner, t end', inner, {inner})
    t:is(kinds((walk_over({{outer}}, {inner, outer}))), 'field', 'only the outer one')
    t:is(kinds((walk_over({{outer}, {inner}}, {inner, outer}))), 'field field', 'unless there is another way')
end)

case('metatables and environments are walked', function(t)
    local old = new_stale()
    local _, walk, _, _, walk_lib = walk_over({}, {})
    t:is(walk.count, 0, 'nothing is nothing')
    local function way(value)
        local places, its_walk, _, _, its_lib = walk_over({value}, {old})
        walk_lib = its_lib
        t:is(#places, 1, 'one place')
        local object, _, key = its_walk:at(places[1].number)
        return object, key
    end
    local metatable = {__index = old, __metatable = 'not for you'}
    local object, key = way(setmetatable({}, metatable))
    t:is(object, metatable, 'protected metatable')
    t:is(key, walk_lib.METATABLE, 'way')
    local environment = {f = old}
    object, key = way(setfenv(code('return function() end'), environment))
    t:is(object, environment, 'environment of a function')
    t:is(key, walk_lib.ENVIRONMENT, 'way')
    local proxy = newproxy(true)
    getmetatable(proxy).__index = old
    object, key = way(proxy)
    t:is(object, getmetatable(proxy), 'metatable of userdata')
    t:is(key, walk_lib.METATABLE, 'way')
    proxy = newproxy(false)
    debug.setfenv(proxy, environment)
    object, key = way(proxy)
    t:is(object, environment, 'environment of userdata')
    t:is(key, walk_lib.ENVIRONMENT, 'way')
    local co = coroutine.create(print)
    debug.setfenv(co, environment)
    t:is(way(co), environment, 'environment of a coroutine')
    t:is(way({[environment] = 1}), environment, 'key')
    t:is(way(setmetatable({[environment] = 1}, {__mode = 'k'})), environment, 'weak key')
    t:is(way(setmetatable({environment}, {__mode = 'v'})), environment, 'weak value')
    local wrapped = coroutine.wrap(function(value) coroutine.yield(value) return value end)
    wrapped(environment)
    t:is(way(wrapped), environment, 'coroutine in a function of coroutine.wrap')
end)

case('metamethods are not called', function(t)
    local old = new_stale()
    local function throw() error('called') end
    local metatable = {__metatable = throw}
    for _, name in ipairs({'index', 'newindex', 'pairs', 'ipairs', 'len', 'eq', 'tostring', 'call', 'concat', 'lt'}) do
        metatable['__' .. name] = throw
    end
    local a, b = setmetatable({x = old}, metatable), setmetatable({old}, metatable)
    local places, _, done = walk_over({{a, b, [a] = b}}, {old})
    t:is(done, true, 'walked to the end')
    t:is(kinds(places), 'field field', 'both')
end)

case('keys of all kinds are walked', function(t)
    local old = new_stale()
    local holder = {}
    for _, key in ipairs({1, 0, -1, 1.5, math.huge, -math.huge, true, false, '', '\0', ('x'):rep(100000),
        {}, print, coroutine.create(print), newproxy(), 1ULL, require('ffi').new('int[1]')}) do
        holder[key] = old
    end
    local count = 0
    for _ in pairs(holder) do
        count = count + 1
    end
    local places = walk_over({holder}, {old})
    t:is(#places, count, 'each')
end)

case('locals of suspended coroutines are walked', function(t)
    local old, other = new_stale(), {}
    local co = coroutine.create(code([[
        local function inner(...)
            local mine = ...
            coroutine.yield()
            return mine
        end
        return function(arg, ...)
            local same = arg
            inner(...)
            return same, arg
        end
    ]]))
    coroutine.resume(co, old, old, other)
    local places = walk_over({co}, {old})
    local names = {}
    for i, place in ipairs(places) do
        t:is(place.kind, 'local', 'kind')
        t:is(place.object, co, 'coroutine')
        local key = place.key
        local name, value = debug.getlocal(co, key.level, key.index)
        t:is(value, old, 'level and index lead there')
        t:is(name, key.name, 'name')
        t:is(key.source, '@/rocks/rock.lua', 'file')
        names[i] = ('%s:%d'):format(key.name, key.line)
    end
    table.sort(names)
    -- They are also on the stack, as arguments of the inner call.
    t:is(table.concat(names, ' '), '(*vararg):3 (*vararg):8 arg:8 mine:3 same:8', 'all that have a name')
end)

case('unnamed values of a frame are walked, functions among them are no places', function(t)
    local old = new_stale()
    local co = coroutine.create(code([[
        local function pass(...) return ... end
        return function(f, holder)
            local g = f
            f = nil
            pass(g, coroutine.yield(pass({f = g}, nil)))
            return holder
        end
    ]]))
    coroutine.resume(co, old, {deep = {old}})
    local found = {}
    for _, place in ipairs((walk_over({co}, {old}))) do
        found[place.kind .. ' ' .. tostring(type(place.key) == 'table' and place.key.name or place.key)] = true
    end
    t:ok(found['local g'], 'the local')
    t:ok(not found['local (*temporary)'], 'nothing on its way')
    t:ok(found['field 1'], 'a table in a local')
end)

case('a loop over a stale iterator is a place', function(t)
    local co = coroutine.create(code('return function(f) for _ in f do coroutine.yield() end end'))
    local iterator = code('return function() return 1 end')
    coroutine.resume(co, iterator)
    local names = {}
    for i, place in ipairs((walk_over({co}, {iterator}))) do
        names[i] = place.key.name
    end
    table.sort(names)
    t:is(table.concat(names, ' '), '(for generator) f', 'the loop has one of its own')
end)

case('a coroutine that runs stale code is one place', function(t)
    local old = code([[
        local function inner(...) coroutine.yield() return ... end
        return function(...) local result = inner(...) return result end
    ]])
    local _, inner = debug.getupvalue(old, 1)
    local co = coroutine.create(code('return function(f, g) local x = f(g) return x end'))
    coroutine.resume(co, old, {old})
    local places = walk_over({co}, {old, inner})
    local frames, locals = {}, {}
    for _, place in ipairs(places) do
        table.insert(place.kind == 'frame' and frames or locals, place)
    end
    t:is(#frames, 1, 'one frame')
    t:is(frames[1].func, old, 'the outermost')
    t:is(frames[1].object, co, 'coroutine')
    t:is(debug.getinfo(co, frames[1].key.level, 'f').func, old, 'level')
    local names = {}
    for i, place in ipairs(locals) do
        names[i] = place.kind == 'local' and place.key.name or place.kind
    end
    table.sort(names)
    t:is(table.concat(names, ' '), 'f field', 'locals of code that is not stale; not those of stale code')
end)

case('coroutines in any state are walked', function(t)
    local old = new_stale()
    local dead = coroutine.create(function() end)
    coroutine.resume(dead)
    local failed = coroutine.create(code('return function(f) local g = f error("x") return g end'))
    coroutine.resume(failed, old)
    local fresh = coroutine.create(function() end)
    local holder = {dead, failed, fresh, coroutine.running()}
    local places, _, done
    local normal = coroutine.create(function(f)
        -- It waits here while it is walked.
        return coroutine.resume(coroutine.create(function()
            places, _, done = walk_over({holder, holder[5]}, {f})
        end)), f
    end)
    holder[5] = normal
    local _, ok, err = coroutine.resume(normal, old)
    t:ok(ok, 'no error: ' .. tostring(err))
    t:is(done, true, 'walked to the end')
    local names = {}
    for _, place in ipairs(places) do
        t:isnt(place.object, failed, 'not what is dead')
        names[place.kind == 'local' and place.key.name or place.kind] = true
    end
    t:ok(names.f, 'but one that has called another')
end)

case('code of the program and excluded objects are not entered', function(t)
    local old = new_stale()
    local ours = code('local f, t = ... return function() return f, t end', old, {old})
    local places, walk = walk_over({{ours}}, {old}, {
        classify = function(f)
            return f == ours and 'ours' or f == old and 'stale' or 'other'
        end,
    })
    t:is(#places, 0, 'ours')
    t:is(walk.count, 1, 'only the table')
    local secret = {old}
    t:is(#walk_over({{secret}, secret}, {old}, {without = {secret}}), 0, 'without')
end)

case('frames of the program do not count', function(t)
    local old = new_stale()
    local ours = code('return function(f) local g = f coroutine.yield() return g end')
    local co = coroutine.create(ours)
    coroutine.resume(co, old)
    local places = walk_over({co}, {old}, {
        classify = function(f)
            return f == ours and 'ours' or f == old and 'stale' or 'other'
        end,
    })
    t:is(#places, 0, 'no places')
end)

case('coroutines that were not started are counted', function(t)
    local old = code('return function() coroutine.yield() end')
    local running = coroutine.create(old)
    coroutine.resume(running)
    local dead = coroutine.create(function() end)
    coroutine.resume(dead)
    local _, walk = walk_over({{coroutine.create(old), coroutine.create(old), running, dead}}, {old})
    t:is(walk.asleep, 2, 'two')
end)

case('a stack that is only partly examined is counted', function(t)
    local deep = code([[
        local function deep(n) if n == 0 then coroutine.yield() return 0 end return (deep(n - 1)) end
        return deep
    ]])
    local top, flat = coroutine.create(deep), coroutine.create(deep)
    coroutine.resume(top, 1000)
    coroutine.resume(flat, 10)
    local _, walk = walk_over({{top, flat}}, {})
    t:is(walk.deep, 1, 'one')
end)

case('the error handler of xpcall is a place and can be replaced', function(t)
    local old = code('return function() return "old" end')
    local co = coroutine.create(code([[
        return function(handler)
            local ok, result = xpcall(function() coroutine.yield() error('x') end, (function() return handler end)())
            handler = nil
            return ok, result
        end
    ]]))
    coroutine.resume(co, old)
    local found
    for _, place in ipairs((walk_over({co}, {old}))) do
        if place.key.name == '(error handler)' then
            found = place
        end
    end
    t:ok(found ~= nil, 'found')
    if found ~= nil then
        t:is(found.key.source, '@/rocks/rock.lua', 'file')
        t:is(found.key.line, 2, 'line of the call')
        debug.setlocal(co, found.key.level, found.key.index, function() return 'new' end)
        local _, _, result = coroutine.resume(co)
        t:is(result, 'new', 'the handler that was called')
    end
end)

case('functions compiled from strings are passed to on_loadstring_function', function(t)
    local old = new_stale()
    local text = code('local f = ... return function() return f end', old)
    local places, walk, _, texts = walk_over({{text, text}}, {old}, {
        classify = function(f)
            return f == text and 'text' or f == old and 'stale' or 'other'
        end,
    })
    t:is(#texts, 1, 'once')
    local running = code('return function() coroutine.yield() end')
    local co = coroutine.create(running)
    coroutine.resume(co)
    local _, _, _, none = walk_over({co}, {}, {classify = function() return 'text' end})
    t:is(#none, 0, 'not those that are running')
    t:is((walk:at(texts[1])), text, 'by its number')
    t:is(#places, 1, 'and entered')
end)

case('each object is visited once, also in circles', function(t)
    local old = new_stale()
    local a, b = {}, {}
    a.a, a.b, b.a, b[a], b[b] = a, b, a, b, a
    setmetatable(a, b)
    setmetatable(b, a)
    a.f = old
    local places, walk = walk_over({a, b, a, {a, b}}, {old})
    t:is(#places, 1, 'one place')
    t:is(walk.count, 3, 'three tables')
    t:is(walk.functions, 0, 'no function of others')
end)

case('a table that keeps changing is given up and counted', function(t)
    local old = new_stale()
    local holder, count = {key = old}, 0
    local places, walk, done = walk_over({holder}, {old}, {on_place = function(_, key, _, object)
        -- The table grows, and the key from which the walk would continue is gone.
        rawset(object, key, nil)
        for _ = 1, 64 do
            count = count + 1
            rawset(object, 'new' .. count, count % 64 == 0 and old or count)
        end
    end})
    t:is(done, true, 'the walk ends')
    t:is(walk.unsteady, 1, 'told')
    t:ok(#places < 10, 'within bounds')
end)

case('places may be changed at once', function(t)
    local old = new_stale()
    local holder = {}
    for i = 1, 1000 do
        holder['k' .. i] = old
    end
    walk_over({holder}, {old}, {
        on_place = function(_, key, _, object)
            rawset(object, key, print)
        end,
    })
    local left = 0
    for _, f in pairs(holder) do
        left = left + (f == old and 1 or 0)
    end
    t:is(left, 0, 'all')
end)

local function heap(count)
    local list = {}
    for i = 1, count do
        list[i] = {{}, i}
    end
    return list
end

case('other fibers run while a large heap is walked', function(t)
    local list, turns, stop = heap(50000), 0, false
    fiber.create(function()
        while not stop do
            turns = turns + 1
            fiber.sleep(0)
        end
    end)
    turns = 0
    local old = new_stale()
    list[50000][1].f = old
    local places, walk, done = walk_over({list}, {old})
    stop = true
    t:is(done, true, 'walked to the end')
    t:is(walk.count, 100001, 'objects')
    t:is(#places, 1, 'found')
    t:ok(walk.slices > 3, 'in slices')
    t:ok(turns >= walk.slices - 1, 'others ran between them')
    t:ok(walk.longest > 0, 'the longest is known')
end)

case('other fibers run while many places are handled', function(t)
    local old, list = new_stale(), {}
    for i = 1, 60 do
        list['k' .. i] = old
    end
    local _, walk = walk_over({list}, {old}, {on_place = function()
        local started = clock.monotonic()
        while clock.monotonic() - started < 0.001 do
            started = started + 0
        end
    end})
    t:ok(walk.slices > 10, ('%d slices'):format(walk.slices))
end)

--- A fiber in a loop over a table.
local function loop_over(list)
    local object = fiber.new(code([[
        local list, fiber = ...
        return function()
            for _ in pairs(list) do
                fiber.sleep(100)
            end
        end
    ]], list, fiber))
    lib.defer(function() pcall(object.cancel, object) end)
    fiber.sleep(0)
    return object
end

case('tables with a running loop over them are known at any time', function(t)
    local first, second, third = {1}, {1}, {1}
    loop_over(first)
    local _, walk = walk_over({{}}, {})
    t:is(walk:is_iterated(first), true, 'one that runs')
    t:is(walk:is_iterated(second), false, 'one that does not')
    t:is(walk:is_iterated(nil), false, 'nothing')
    loop_over(second)
    local slices = walk.slices
    lib.wait(function()
        walk:go_on()
        return walk.slices > slices
    end)
    t:is(walk:is_iterated(second), true, 'one that runs since')
    local co = coroutine.create(code('return function(list) for _ in pairs(list) do coroutine.yield() end end'))
    coroutine.resume(co, third)
    _, walk = walk_over({{co}}, {})
    t:is(walk:is_iterated(third), true, 'in a coroutine that is no fiber')
end)

case('with very many fibers a running loop is assumed', function(t)
    local objects, stop = {}, fiber.cond()
    for i = 1, 1100 do
        objects[i] = fiber.new(function()
            stop:wait()
        end)
    end
    fiber.sleep(0)
    local _, walk = walk_over({{}}, {})
    t:is(walk:is_iterated({}), true, 'it could be')
    stop:broadcast()
    lib.wait(function() return objects[1100]:status() == 'dead' end)
    _, walk = walk_over({{}}, {})
    t:is(walk:is_iterated({}), false, 'when they are gone it is none')
end)

case('a heap that changes is walked to the end', function(t)
    local list, old, stop = heap(50000), new_stale(), false
    -- Entries that exist all the time must be found.
    local wanted = 0
    for i = 1, 50000, 500 do
        list[i][1].f = old
        wanted = wanted + 1
    end
    local changing = {}
    for i = 1, 20000 do
        changing['k' .. i] = {}
    end
    list.changing = changing
    local number = 0
    fiber.create(function()
        while not stop do
            for _ = 1, 300 do
                number = number + 1
                changing['k' .. number] = nil
                changing['n' .. number] = {number}
                list[#list + 1] = {{}}
                if number % 2 == 0 then
                    list[number][2] = nil
                end
            end
            fiber.sleep(0)
        end
    end)
    local places, walk, done = walk_over({list}, {old})
    stop = true
    t:is(done, true, 'walked to the end')
    t:is(#places, wanted, 'all that stayed')
    t:ok(walk.slices > 3, 'in slices')
    t:ok(number > 0, 'it did change')
    t:is(walk.is_hurried, true, 'and was caught up with')
end)

case('slices stay short for half of the time', function(t)
    local old, list = new_stale(), heap(5000)
    list.f = old
    local _, walk = walk_over({list}, {old})
    t:is(walk.is_hurried, false, 'there is time')
    local began = clock.monotonic()
    _, walk = walk_over({list}, {old}, {deadline = began + 2, on_place = function()
        while clock.monotonic() < began + 1.2 do -- luacheck: ignore
        end
    end})
    t:is(walk.is_hurried, true, 'there was little')
end)

case('a walk can use the lists of an earlier one', function(t)
    local old, list = new_stale(), heap(5000)
    list[77][1].f = old
    local places, first = walk_over({list}, {old})
    local lists = #first.lists.keys
    t:ok(lists > 2, ('%d lists'):format(lists))
    local again, second = walk_over({list}, {old}, {lists = first.lists})
    t:is(second.count, first.count, 'as many objects')
    t:is(again[1].number, places[1].number, 'the same place')
    local smaller = heap(600)
    smaller[7].f = old
    local few, third = walk_over({smaller}, {old}, {lists = first.lists})
    t:is(#few, 1, 'found')
    t:is(third:at(few[1].number), smaller[7], 'what is left of the earlier one is nothing')
    t:is(#third.lists.keys, lists, 'and no list is new')
end)

case('without an address reader the walk finds the same', function(t)
    local old = new_stale()
    local list = heap(20000)
    list[777][1].f, list[778][old] = old, 1
    list.proxy = newproxy(true)
    getmetatable(list.proxy).__index = old
    local load = lib.loader({['scan.address'] = {
        reader = function() return nil end,
        format = lib.load('scan.address').format,
    }})
    local places, walk = walk_over({list}, {old}, {load = load})
    t:is(kinds(places), 'field field key', 'places')
    local _, again = walk_over({list}, {old})
    t:is(walk.count, again.count, 'objects')
end)

case('a long list of nodes needs no deep recursion', function(t)
    local old = new_stale()
    local first = {}
    local last = first
    for _ = 1, 100000 do
        last.next = {}
        last = last.next
    end
    last.f = old
    local places, walk = walk_over({first}, {old})
    t:is(#places, 1, 'found')
    t:is(walk.count, 100001, 'objects')
end)

case('one large table is walked in slices', function(t)
    local list, old = {}, new_stale()
    for i = 1, 300000 do
        list[i] = i
    end
    list.f = old
    local places, walk = walk_over({list}, {old})
    t:is(#places, 1, 'found')
    t:ok(walk.slices > 1, 'in slices')
end)

case('a deep stack does not block the server', function(t)
    local old = new_stale()
    local co = coroutine.create(code([[
        local function deep(n, f)
            if n == 0 then coroutine.yield() return f end
            return (deep(n - 1, f))
        end
        return deep
    ]]))
    coroutine.resume(co, 15000, {old})
    local done, _
    local work = lib.work(function()
        _, _, done = walk_over({co}, {old})
    end)
    t:is(done, true, 'walked to the end')
    t:ok(work < 1000, ('%d thousand instructions'):format(work))
end)

case('the walk ends at the deadline', function(t)
    local list = heap(50000)
    local _, walk, done = walk_over({list}, {}, {deadline = clock.monotonic() + 0.005})
    t:is(done, false, 'not to the end')
    t:is(walk.stopped, 'time', 'why')
    t:ok(walk.count < 100001, 'not everything')
    _, walk, done = walk_over({{}}, {}, {deadline = clock.monotonic() - 1})
    t:is(done, true, 'what is done in one slice is done')
    t:is(walk.stopped, nil, 'all the same')
end)

case('the walk ends at the memory limit', function(t)
    local _, walk, done = walk_over({heap(50000)}, {}, {limit = 1})
    t:is(done, false, 'not to the end')
    t:is(walk.stopped, 'memory', 'why')
end)

case('the limits apply within one table', function(t)
    local list = {}
    for i = 1, 300000 do
        list[i] = i
    end
    local _, walk, done = walk_over({list}, {}, {limit = 1})
    t:is(done, false, 'not to the end')
    t:is(walk.stopped, 'memory', 'why')
    t:is(walk.unsteady, 0, 'it is not the table')
end)

case('a walk whose fiber is cancelled ends', function(t)
    local list, ok, err = heap(100000), nil, nil
    local object = fiber.create(function()
        ok, err = pcall(walk_over, {list}, {})
    end)
    object:cancel()
    t:ok(lib.wait(function() return object:status() == 'dead' end), 'it ends')
    t:is(ok, false, 'with an error')
    t:like(tostring(err), 'cancelled', 'that says so')
end)

case('addresses of freed objects are not taken for visited ones', function(t)
    -- Functions of the program are created and collected during the walk; their
    -- addresses are reused.
    local ours, made = {}, 0
    local old = new_stale()
    local list = {}
    for i = 1, 3000 do
        local f = code('local x = ... return function() return x end', i)
        ours[f] = true
        list[i] = f
    end
    list.late = {}
    local weak = setmetatable(ours, {__mode = 'k'})
    local places = walk_over({{list}}, {old}, {
        classify = function(f)
            if weak[f] and f == list[3000] then
                -- All other objects have been visited.
                for i = 1, 3000 do
                    list[i] = false
                end
                jit.flush()
                collectgarbage()
                collectgarbage()
                for i = 1, 3000 do
                    local g = code('local x = ... return function() return x end', old)
                    made = made + 1
                    list.late[i] = g
                end
            end
            return weak[f] and 'ours' or f == old and 'stale' or 'other'
        end,
    })
    t:is(made, 3000, 'made')
    t:is(#places, 3000, 'all are seen')
end)

case('the clock is read equally often in small and in large tables', function(t)
    local small, large = {}, {}
    for index = 1, 60 do
        small[index] = {}
        for number = 1, 100 do
            small[index][number] = code('return function() end')
            large[#large + 1] = code('return function() end')
        end
    end
    for _, object in ipairs({small, large}) do
        local since, most = 0, 0
        walk_over({object}, {}, {
            load = lib.loader({['core.yield'] = {
                is_due = function()
                    most, since = math.max(most, since), 0
                    return false
                end,
                if_due = function() end,
                reset = function() end,
            }}),
            classify = function()
                since = since + 1
                return 'other'
            end,
        })
        t:ok(most > 0 and most <= 200, ('%d functions in between'):format(most))
    end
end)

lib.run()
