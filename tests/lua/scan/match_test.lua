-- scan/match.lua: the counterparts of the contents of an old module in the new one.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.match')

local SOURCE = '@/app/m.lua'

local matching_lib = lib.load('scan.match')

--- Matches two versions of a module.
-- @treturn Matching
-- @treturn old value
-- @treturn new value
local function match(old_text, new_text, foreign, ...)
    local old = assert(loadstring(old_text, SOURCE))(...)
    local new = assert(loadstring(new_text or old_text, SOURCE))(...)
    return matching_lib.new({old = old, new = new, source = SOURCE, foreign = foreign or {}}), old, new
end

local function upvalue(f, wanted)
    for i = 1, 255 do
        local name, value = debug.getupvalue(f, i)
        if name == nil or name == wanted then
            return value
        end
    end
end

local function name_of(matching, thing)
    local entry = matching:find(thing)
    return entry and matching_lib.name_of(entry)
end

case('fields are matched by their path', function(t)
    local matching, old, new = match([[
        return {get = function() end, Class = {run = function() end, sub = {deep = function() end}}}
    ]])
    t:is(matching:counterpart(old.get), new.get, 'field')
    t:is(matching:counterpart(old.Class.run), new.Class.run, 'method')
    t:is(matching:counterpart(old.Class.sub.deep), new.Class.sub.deep, 'deeper')
    t:is(matching:counterpart(old.Class), new.Class, 'table')
    t:is(matching:counterpart(old), new, 'the module itself')
    t:is(name_of(matching, old.get), 'get', 'name of a field')
    t:is(name_of(matching, old.Class.sub.deep), 'Class.sub.deep', 'name of a deeper one')
end)

case('locals are matched by the function that uses them', function(t)
    local matching, old, new = match([[
        local function inner() end
        local function helper() return inner() end
        local tools = {clean = function() end}
        return {get = function() return helper(), tools end}
    ]])
    local old_helper, new_helper = upvalue(old.get, 'helper'), upvalue(new.get, 'helper')
    t:is(matching:counterpart(old_helper), new_helper, 'local function')
    t:is(matching:counterpart(upvalue(old_helper, 'inner')), upvalue(new_helper, 'inner'), 'of a local function')
    t:is(matching:counterpart(upvalue(old.get, 'tools').clean), upvalue(new.get, 'tools').clean, 'in a local table')
    t:is(name_of(matching, old_helper), 'helper', 'name')
    t:is(name_of(matching, upvalue(old.get, 'tools').clean), 'tools.clean', 'name in a table')
end)

case('metatables are matched', function(t)
    local matching, old, new = match([[
        local class = {} class.__index = class
        function class.run() end
        return setmetatable({}, {__call = function() end, __index = class, __metatable = 'mine'})
    ]])
    local before, after = debug.getmetatable(old), debug.getmetatable(new)
    t:is(matching:counterpart(before.__call), after.__call, 'function')
    t:is(matching:counterpart(before.__index.run), after.__index.run, 'method')
    t:is(name_of(matching, before.__call), '(metatable).__call', 'name')
end)

case('modules that are not tables are matched', function(t)
    local text = 'local function helper() end return function() return helper end'
    local matching, old, new = match(text)
    t:is(matching:counterpart(old), new, 'a function')
    t:is(matching:counterpart(upvalue(old, 'helper')), upvalue(new, 'helper'), 'and its local')
    for _, value in ipairs({'true', 'false', '7', '"x"', '0 / 0'}) do
        local ok, err = pcall(match, 'return ' .. value)
        t:ok(ok, value .. ' ' .. tostring(err))
        ok, err = pcall(match, text, 'return ' .. value)
        t:ok(ok, 'a function that became ' .. value .. ' ' .. tostring(err))
        if ok then
            local found, why = err:counterpart(select(2, match(text)))
            t:is(found, nil, 'has no counterpart')
            t:is(why, 'it has no name in its module', 'and another one no name')
        end
    end
    matching, old = match(text, 'return {}')
    local _, reason = matching:counterpart(old)
    t:is(reason, 'the module itself is a table in the new code', 'reason')
end)

case('a function with several names is matched', function(t)
    local text = 'local function get() end return {get = get, fetch = get, again = {get = get}}'
    local matching, old, new = match(text)
    t:is(matching:counterpart(old.get), new.get, 'that has them again')
    matching, old, new = match(text, 'return {get = function() end}')
    t:is(matching:counterpart(old.fetch), new.get, 'that has one of them')
    matching, old = match(text, 'return {get = function() end, fetch = function() end}')
    local found, why = matching:counterpart(old.get)
    t:is(found, nil, 'that are two functions')
    t:like(why, ' is ambiguous in the new code', 'reason')
    t:is(matching:find(old.get).why, why, 'which is remembered')
end)

case('locals of the same name are told apart by their users', function(t)
    local text = [[
        local M = {}
        do local function cb() end function M.a() return cb end end
        do local function cb() end function M.b() return cb end end
        return M
    ]]
    local matching, old, new = match(text)
    t:is(matching:counterpart(old.a()), new.a(), 'of a')
    t:is(matching:counterpart(old.b()), new.b(), 'of b')
    matching, old, new = match(text, 'local function cb() end return {a = function() return cb end}')
    t:is(matching:counterpart(old.a()), new.a(), 'of a')
    local found, why = matching:counterpart(old.b())
    t:is(found, nil, 'of b, which is gone')
    t:is(why, 'the new code has no cb', 'reason')
    matching, old = match('local function check() end return {login = function() return check end}',
        'local function check() end return {login = function() end, purge = function() return check end}')
    t:is(matching:counterpart(old.login()), nil, 'one of another function')
end)

case('a function that is no longer shared is ambiguous', function(t)
    local matching, old = match([[
        local function helper() end
        return {a = function() return helper end, b = function() return helper end}
    ]], [[
        local M = {}
        do local function helper() end M.a = function() return helper end end
        do local function helper() end M.b = function() return helper end end
        return M
    ]])
    local found, why = matching:counterpart(upvalue(old.a, 'helper'))
    t:is(found, nil, 'has no counterpart')
    t:is(why, 'helper is ambiguous in the new code', 'reason')
end)

case('contents of an unmatched table are unmatched', function(t)
    local matching, old = match('return {A = {run = function() end}}', 'return {B = {run = function() end}}')
    t:is(matching:counterpart(old.A.run), nil, 'method of a class that is gone')
    local group = 'return {A = {get = function() end}, B = {get = function() end}}'
    matching, old = match([[
        local shared = {run = function() end}
        return {A = shared, B = shared}
    ]], group)
    t:is(matching:counterpart(old.A.run), nil, 'of an ambiguous one')
end)

case('each reason for having no match', function(t)
    local matching, old = match('return {gone = function() end, data = function() end, group = function() end, T = {}}',
        'return {data = 7, group = {}, T = function() end}')
    local function why(thing)
        local found, reason = matching:counterpart(thing)
        t:is(found, nil, 'none')
        return reason
    end
    t:is(why(old.gone), 'the new code has no gone', 'gone')
    t:is(why(old.data), 'data is a number in the new code', 'data')
    t:is(why(old.group), 'group is a table in the new code', 'table')
    t:is(why(old.T), 'T is a function in the new code', 'function')
    t:is(why(function() end), 'it has no name in its module', 'unknown')
end)

case('objects of libraries belong to the libraries', function(t)
    local library = assert(loadstring('return {get = function() end}', '@/rocks/library.lua'))()
    local matching, old = match([[
        local library = ...
        return {library = library, own = function() return library end}
    ]], nil, {[library] = true}, library)
    t:is(matching:find(library), nil, 'table')
    t:is(matching:find(library.get), nil, 'what is in it')
    t:is(name_of(matching, old.own), 'own', 'but the own one')
end)

case('a function that a library has wrapped is named by the wrapper', function(t)
    local wrap = assert(loadstring('local f = ... return function() return f() end', '@/rocks/trace.lua'))
    local matching, old, new = match('local wrap = ... return {get = wrap(function() end)}', nil, {}, wrap)
    t:is(matching:counterpart(upvalue(old.get, 'f')), upvalue(new.get, 'f'), 'counterpart')
    t:is(name_of(matching, upvalue(old.get, 'f')), 'get.(f)', 'name')
end)

case('local tables of a library are not entered', function(t)
    local wrap = assert(loadstring([[
        local f = ...
        local all = {f = f}
        return function() return all end
    ]], '@/rocks/trace.lua'))
    local matching, old = match('local wrap = ... return {get = wrap(function() end)}', nil, {}, wrap)
    t:is(matching:find(old.get().f), nil, 'no name')
end)

case('metamethods are not called', function(t)
    local text = [[
        local function throw() error('called') end
        local mt = {__eq = throw, __index = throw, __newindex = throw, __pairs = throw, __len = throw,
            __tostring = throw, __call = throw, __lt = throw, __metatable = 'no'}
        local function make() return setmetatable({run = function() end}, mt) end
        local M = {first = make(), second = make()}
        M.third = M.first
        do local object = make() function M.a() return object end end
        do local object = make() function M.b() return object end end
        return M
    ]]
    local matching, old, new = match(text)
    t:is(matching:counterpart(old.first.run), new.first.run, 'method')
    t:ok(rawequal(matching:counterpart(old.a()), new.a()), 'object')
    matching, old = match(text, (text:gsub('M.third = M.first', 'M.third = make()')))
    t:is((matching:counterpart(old.first)), nil, 'two objects are not the same')
end)

case('keys that are not strings are not names', function(t)
    local matching, old = match([[
        local f = function() end
        return {list = {f}, [true] = f, [f] = f, [1.5] = f, [{}] = f}
    ]])
    t:is(matching:find(old.list[1]), nil, 'none')
    t:ok(matching:find(old.list) ~= nil, 'beside those')
end)

case('tables of data are not entered', function(t)
    local matching, old, new = match([[
        local M = {big = {}, small = {}}
        for i = 1, 1001 do M.big['k' .. i] = function() end end
        for i = 1, 1000 do M.small['k' .. i] = function() end end
        return M
    ]])
    t:is(matching:find(old.big.k1), nil, 'of a large one')
    t:is(matching:counterpart(old.small.k1000), new.small.k1000, 'of a small one')
end)

case('circles end', function(t)
    local matching, old, new = match([[
        local M = {} M.self = M M.mt = setmetatable({}, M) M.__index = M
        function M.f() return M, M.f end
        setmetatable(M, M)
        return M
    ]])
    t:is(matching:counterpart(old.f), new.f, 'matched')
end)

case('a module with much data does not block the server', function(t)
    local text = [[
        local M, data = {}, {}
        for i = 1, 900 do
            local d = {}
            data['u' .. i] = d
            for j = 1, 900 do d['k' .. j] = j end
        end
        function M.get() return data end
        return M
    ]]
    local old = assert(loadstring(text, SOURCE))()
    local new = assert(loadstring(text, SOURCE))()
    local memory, matching = collectgarbage('count'), nil
    local work = lib.work(function()
        matching = matching_lib.new({old = old, new = new, source = SOURCE, foreign = {}})
    end)
    t:ok(work < 1000, ('%d thousand instructions'):format(work))
    t:ok(collectgarbage('count') - memory < 16 * 1024, 'memory')
    t:is(matching:counterpart(old.get), new.get, 'and its functions are matched')
end)

case('a long list of nodes does not block the server', function(t)
    local text = [[
        local M, first = {}, {}
        local last = first
        for _ = 1, 20000 do
            last.next = {}
            last = last.next
        end
        function M.get() return first end
        return M
    ]]
    local old = assert(loadstring(text, SOURCE))()
    local new = assert(loadstring(text, SOURCE))()
    collectgarbage()
    collectgarbage()
    local memory, matching = collectgarbage('count'), nil
    local work = lib.work(function()
        matching = matching_lib.new({old = old, new = new, source = SOURCE, foreign = {}})
    end)
    t:ok(work < 1000, ('%d thousand instructions'):format(work))
    t:ok(collectgarbage('count') - memory < 16 * 1024, 'memory')
    t:is(matching:counterpart(old.get), new.get, 'and its functions are matched')
end)

case('a long chain of functions does not block the server', function(t)
    local text = [[
        local f = function() end
        for _ = 1, 20000 do
            local g = f
            f = function() return g end
        end
        return {get = f}
    ]]
    local matching, old, new = match(text)
    t:is(matching:counterpart(old.get()()), new.get()(), 'the first ones are matched')
    local last = old.get
    while last() ~= nil do
        last = last()
    end
    t:is(matching:find(last), nil, 'the last one is not')
end)

case('the path is known after the old objects are gone', function(t)
    local matching, old = match([[
        local function inner() end
        local class = setmetatable({}, {__index = {run = function() return inner end}})
        return {get = function() return class end}
    ]])
    local run = debug.getmetatable(old.get()).__index.run
    local _, _, newer = match([[
        local function inner() return 3 end
        local class = setmetatable({}, {__index = {run = function() return inner end}})
        return {get = function() return class end}
    ]])
    local newest = debug.getmetatable(newer.get()).__index.run
    t:is(matching_lib.retrace(run, matching:find(run), newer), newest, 'a method')
    t:is(matching_lib.retrace(run(), matching:find(run()), newer), newest(), 'a local of it')
    local found, why = matching_lib.retrace(run, matching:find(run), {})
    t:is(found, nil, 'a way that leads nowhere')
    t:is(why, 'the new code has no class.(metatable).__index.run', 'reason')
    for _, value in ipairs({true, 7, 'x', function() end, setmetatable({}, {__index = error})}) do
        t:is((matching_lib.retrace(run, matching:find(run), value)), nil, 'nor in a ' .. type(value))
    end
    t:is((matching_lib.retrace(run, matching:find(run), nil)), nil, 'nor in nothing')
    local data = {get = {}}
    found, why = matching_lib.retrace(old.get, matching:find(old.get), data)
    t:is(found, nil, 'something else')
    t:is(why, 'get is a table in the new code', 'reason')
end)

lib.run()
