-- scan/describe.lua: the texts for places.

local clock = require('clock')
local ffi = require('ffi')
local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.describe')

local function new_stale()
    return assert(loadstring('return function() end', '@/app/old.lua'))()
end

--- Compiles foreign code with the name of that file.
local function code(text, ...)
    return assert(loadstring(text, '@/app/.rocks/share/tarantool/bus.lua'))(...)
end

--- Returns all places below some roots, as texts.
-- @tparam {table,...} roots see `roots`
-- @tparam {function,...} stale
-- @treturn {string,...} "kind | words", sorted
local function describe(roots, stale)
    local load, is_stale, places = lib.loader(), {}, {}
    for _, f in ipairs(stale) do
        is_stale[f] = true
    end
    local walk = load('scan.heap_walk').new({
        classify = function(f)
            local source = debug.getinfo(f, 'S').source
            return is_stale[f] and 'stale' or source:match('^[@=]') == nil and 'text' or 'other'
        end,
        on_place = function(number, kind, key)
            table.insert(places, {number = number, kind = kind, key = key})
        end,
        on_loadstring_function = function(number)
            table.insert(places, {number = number, kind = 'object'})
        end,
        deadline = clock.monotonic() + 60,
        limit = 1e9,
        without = {},
    })
    walk:run(roots)
    local list = {}
    for i, place in ipairs(places) do
        list[i] = ('%s | %s'):format(load('scan.describe').describe(walk, roots, place))
    end
    table.sort(list)
    return list
end

--- Returns the only place below a table of globals.
local function below(value, old, root)
    root = root or {kind = 'global', words = 'the globals', first = function(key)
        return 'global', 'global ' .. lib.load('scan.describe').field_text(key)
    end}
    root.value = value
    return table.concat(describe({root}, {old}), '; ')
end

case('fields are written as in Lua', function(t)
    local old = new_stale()
    t:is(below({get = old}, old), 'global | global get', 'name')
    t:is(below({registry = {handlers = {[3] = old}}}, old), 'global | global registry.handlers[3]', 'deeper')
    t:is(below({t = {['a b'] = old}}, old), "global | global t['a b']", 'text')
    t:is(below({t = {['end'] = old}}, old), 'global | global t.end', 'a word')
    t:is(below({t = {[true] = old}}, old), 'global | global t[true]', 'boolean')
    t:is(below({t = {[1.5] = old}}, old), 'global | global t[1.5]', 'number')
    t:is(below({t = {[''] = old}}, old), "global | global t['']", 'empty')
    t:is(below({t = {[5ULL] = old}}, old), 'global | global t[5ULL]', 'cdata')
    t:is(below({t = {[{}] = old}}, old), 'global | global t[a table]', 'table')
    t:is(below({t = {[print] = old}}, old), 'global | global t[a function]', 'function')
    t:is(below({[1] = old}, old), 'global | global 1', 'first key')
    t:is(below({t = {['%d%s%'] = old}}, old), "global | global t['%d%s%']", 'percent signs')
end)

case('long keys are cut between characters', function(t)
    local old = new_stale()
    local words = below({t = {[('x'):rep(100000)] = old}}, old)
    t:is(words, ("global | global t['%s...']"):format(('x'):rep(40)), 'long')
    for i = 0, 3 do
        words = below({t = {[('x'):rep(i) .. ('\xd1\x89'):rep(40)] = old}}, old)
        t:ok(#words < 100, 'short')
        t:ok(require('utf8').len(words) ~= nil, 'still text')
    end
end)

case('metamethods of keys are not called', function(t)
    local old = new_stale()
    local function throw() error('called') end
    local key = setmetatable({}, {__tostring = throw, __index = throw, __eq = throw, __concat = throw})
    t:is(below({t = {[key] = old}}, old), 'global | global t[a table]', 'key')
    ffi.cdef('struct scan_words_test { int x; };')
    local object = ffi.metatype('struct scan_words_test', {__tostring = throw})()
    t:is(below({t = {[object] = old}}, old), 'global | global t[cdata]', 'cdata')
    local route = {path = '/x', method = key, sub = old}
    t:is(below({t = route}, old), 'global | global t.sub', 'what looks like a route')
end)

case('a long path is cut at its start', function(t)
    local old = new_stale()
    t:is(below({a = {b = {c = {d = {e = {f = {g = old}}}}}}}, old), 'global | global a.b.c.d.e.f.g', 'six steps')
    t:is(below({a = {b = {c = {d = {e = {f = {g = {h = old}}}}}}}}, old), 'global | global a....c.d.e.f.g.h', 'more')
end)

case('describing a very long path takes work in proportion to its length', function(t)
    local old = new_stale()
    local first = {}
    local last = first
    for _ = 1, 50000 do
        last.next = {}
        last = last.next
    end
    last.f = old
    local words
    local work = lib.work(function() words = below({list = first}, old) end)
    t:ok(work < 12000, ('%d thousand instructions'):format(work))
    t:like(words, '^%w+ | .*%.next%.f$', 'words')
    t:ok(#words < 100, ('%d bytes'):format(#words))
    first = {}
    last = first
    for _ = 1, 5000 do
        local metatable = {}
        setmetatable(last, metatable)
        last = metatable
    end
    last.f = old
    work = lib.work(function() words = below({object = first}, old) end)
    t:ok(work < 1200, ('%d thousand instructions'):format(work))
    t:ok(#words < 500, ('%d bytes'):format(#words))
    first = {}
    last = first
    for _ = 1, 5000 do
        local key = {}
        last[key] = true
        last = key
    end
    last.f = old
    t:ok(#below({object = first}, old) < 500, 'keys of keys')
end)

case('upvalues are named with their function', function(t)
    local old = new_stale()
    local holder = code('\n\nlocal cb, self = ... return function() return cb, self end', old)
    t:is(below({f = holder}, old), 'upvalue | upvalue cb of function .rocks/share/tarantool/bus.lua:3', 'function')
    holder = code('local cb, self = ... return function() return cb, self end', nil, {list = {print, old}})
    t:is(below({f = holder}, old), 'upvalue | upvalue self.list[2] of function .rocks/share/tarantool/bus.lua:1',
        'in a table')
    holder = assert(loadstring('local cb = ... return function() return cb end', '=eval'))(old)
    t:is(below({f = holder}, old), 'upvalue | upvalue cb of function eval:1', 'of no file')
    holder = assert(loadstring('local cb = ... return function() return cb end', '@/srv/x.lua'))(old)
    t:is(below({f = holder}, old), 'upvalue | upvalue cb of function /srv/x.lua:1', 'elsewhere')
    local path = fio.pathjoin(package.searchroot(), 'lib/x.lua')
    holder = assert(loadstring('local cb = ... return function() return cb end', '@' .. path))(old)
    t:is(below({f = holder}, old), 'upvalue | upvalue cb of function lib/x.lua:1', 'below the application')
end)

case('no text is longer than a line', function(t)
    local old = new_stale()
    local holder = code(('local %s = ... return function() return %s end'):gsub('%%s', ('x'):rep(5000)), old)
    local words = below({f = holder}, old)
    t:ok(#words < 500, ('%d bytes'):format(#words))
    t:like(words, '^upvalue | upvalue xxx', 'words')
end)

case('functions compiled from a string are not named by their text', function(t)
    local old = new_stale()
    local holder = assert(loadstring('local cb = ... return function() return cb end'))(old)
    local list = describe({{value = {f = holder}, kind = 'global', words = 'the globals'}}, {old})
    t:ok(lib.mentions(list, 'upvalue | upvalue cb of function (compiled from a string):1'), 'as a holder')
    t:ok(lib.mentions(list, 'global | the globals.f'), 'as such')
end)

case('stacks of coroutines are described', function(t)
    local old = code('return function() coroutine.yield() return 1 end')
    local function suspended(text, ...)
        local co = coroutine.create(code(text))
        coroutine.resume(co, ...)
        return co
    end
    local outer = suspended('return function(f) local result = f() return result end', old)
    local list = describe({{value = outer, kind = 'fiber', words = 'fiber 131 "loop"', is_anchor = true}}, {old})
    t:ok(lib.mentions(list, 'fiber | fiber 131 "loop"'), 'fiber')
    t:ok(lib.mentions(list, 'local | local f of fiber 131 "loop" at .rocks/share/tarantool/bus.lua:1'), 'local')
    list = describe({{value = {co = outer}, kind = 'global', words = 'the globals'}}, {old})
    t:ok(lib.mentions(list, 'coroutine | coroutine in the globals.co'), 'no fiber')
    list = describe({{value = {[7] = outer}, kind = 'registry', words = 'the Lua registry'}}, {old})
    t:ok(lib.mentions(list, 'fiber | a fiber with an unknown id'), 'a fiber without a number')
    local other = new_stale()
    local holder = suspended('return function(x) local t = {list = x} coroutine.yield() return t end', {other})
    list = describe({{value = holder, kind = 'fiber', words = 'fiber 5 "x"', is_anchor = true}}, {other})
    t:is(#list, 1, 'one place')
    t:like(list[1], '^local | local [xt].*%[1%] of fiber 5 "x"', 'in a table in a local')
    local wrapped = coroutine.wrap(code('return function(f) coroutine.yield() return f end'))
    wrapped(other)
    list = describe({{value = {next = wrapped}, kind = 'global', words = 'the globals'}}, {other})
    t:is(list[1], 'local | local f of the globals.next at .rocks/share/tarantool/bus.lua:1', 'wrapped')
end)

case('metatables, keys and environments are described', function(t)
    local old = new_stale()
    t:is(below({o = setmetatable({}, {__index = old})}, old),
        'metatable | metatable __index of global o', 'metatable')
    t:is(below({o = setmetatable({}, {__index = {run = old}})}, old),
        'metatable | metatable __index.run of global o', 'class')
    t:is(below({list = {o = setmetatable({}, {__index = {run = old}})}}, old),
        'metatable | metatable __index.run of global list.o', 'deeper')
    t:is(below({listeners = {[old] = 1}}, old), 'key | key of global listeners', 'key')
    t:like(below({listeners = {[{f = old}] = 1}}, old), '^key | key.* of global listeners', 'in a key')
    local f = setfenv(code('return function() end'), {field = {name = old}})
    t:is(below({f = f}, old), 'environment | environment of function .rocks/share/tarantool/bus.lua:1.field.name',
        'environment')
    local proxy, co = newproxy(), coroutine.create(code('return function() end'))
    debug.setfenv(proxy, {f = old})
    t:is(below({proxy = proxy}, old), 'environment | environment of global proxy.f', 'environment of userdata')
    debug.setfenv(co, {f = old})
    t:is(below({co = co}, old), 'environment | environment of global co.f', 'environment of a coroutine')
end)

case('routes, hooks and helpers of an HTTP server are described', function(t)
    local old, other = new_stale(), new_stale()
    local server = {iroutes = {}, routes = {{path = '/hello', method = 'GET', sub = old}}, hooks = {}, helpers = {}}
    t:is(below({httpd = server}, old), 'route | http route GET /hello', 'route')
    server.routes[1].sub = code('local handler = ... return function() return handler end', old)
    t:is(below({httpd = server}, old),
        'upvalue | upvalue handler of function .rocks/share/tarantool/bus.lua:1 (http route GET /hello)', 'wrapped')
    server.routes[1] = nil
    server.hooks.before_dispatch = old
    t:is(below({httpd = server}, old), 'hook | http hook before_dispatch', 'hook')
    server.hooks.before_dispatch = nil
    server.helpers.money = old
    t:is(below({httpd = server}, old), 'helper | http helper money', 'helper')
    t:is(below({my = {hooks = {x = other}}}, other), 'global | global my.hooks.x', 'hooks of something else')
    t:is(below({my = {sub = other}}, other), 'global | global my.sub', 'sub of something else')
    t:is(below({my = {sub = other, path = '/x'}}, other), 'global | global my.sub', 'without a method')
end)

case('tables of the server are recognised by identity', function(t)
    local old = new_stale()
    local mt = {__eq = function() error('called') end}
    local hooks = setmetatable({x = old}, mt)
    local server = {iroutes = {}, hooks = setmetatable({}, mt)}
    -- Reached as `hooks` of something else, which then is another.
    local holder = setmetatable({hooks = hooks, iroutes = {}}, {__index = server})
    t:is(below({s = holder}, old), 'hook | http hook x', 'its own')
end)

case('roots name the fields that they know', function(t)
    local old = new_stale()
    t:is(below({[7] = old}, old, {kind = 'ctype', words = 'ffi', first = function(key)
        return 'ctype', 'metatype of ctype ' .. key, true
    end}), 'ctype | metatype of ctype 7', 'first')
    t:is(below({[7] = {__index = {norm = old}}}, old, {kind = 'ctype', words = 'ffi', first = function(key)
        return 'ctype', 'metatype of ctype ' .. key, true
    end}), 'ctype | metatype __index.norm of ctype 7', 'a metatable')
    t:is(below({f = old}, old, {kind = 'thing', words = 'the thing'}), 'thing | the thing.f', 'none')
end)

case('triggers are named even if the reference is elsewhere', function(t)
    local old = new_stale()
    local label = 'trigger on_replace of space users'
    local root = {value = old, kind = 'trigger', words = label, is_anchor = true}
    t:is(table.concat(describe({root}, {old})), 'trigger | ' .. label, 'itself')
    root.value = code('local f = ... return function() return f end', old)
    t:is(table.concat(describe({root}, {old})),
        ('upvalue | upvalue f of function .rocks/share/tarantool/bus.lua:1 (%s)'):format(label), 'wrapped')
end)

case('a path starts at the nearest root', function(t)
    local old = new_stale()
    local shared = {f = old}
    local list = describe({
        {value = {deep = {deep = {shared = shared}}}, kind = 'global', words = 'the globals'},
        {value = {x = shared}, kind = 'registry', words = 'the registry'},
    }, {old})
    t:is(table.concat(list), 'registry | the registry.x.f', 'fewest steps')
    list = describe({
        {value = shared, kind = 'global', words = 'first'},
        {value = shared, kind = 'registry', words = 'second'},
    }, {old})
    t:is(table.concat(list), 'global | first.f', 'of equal ones the first')
end)

lib.run()
