-- platform/calls.lua: the functions that a chunk calls at its top level.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.calls')

local calls = lib.load('platform.calls')

local function names(text)
    local list = {}
    for _, call in ipairs(calls.list(assert(loadstring(text)))) do
        table.insert(list, call.name)
    end
    return table.concat(list, ' ')
end

case('calls are named after globals, their fields and modules', function(t)
    t:is(names('print(1)'), 'print', 'a global')
    t:is(names('box.schema.space.create("a")'), 'box.schema.space.create', 'a field')
    t:is(names('require("fiber").create(print)'), 'fiber.create', 'a module')
    t:is(names('local f = require("fiber") f.create(print) f.sleep(1)'), 'fiber.create fiber.sleep', 'a local variable')
    t:is(names('box.space.a:truncate()'), 'box.space.a.truncate', 'a method')
    t:is(names('local e = os.exit e(1)'), 'os.exit', 'another name')
    t:is(names('return os.exit(1)'), 'os.exit', 'a tail call')
    t:is(names('print(1) print(2)'), 'print', 'each once')
    t:is(names('if x then os.exit(1) end'), 'os.exit', 'in a branch')
    t:is(names('pcall(require, "a")'), 'pcall', 'what is passed on is not called')
end)

case('calls inside functions of the chunk are not listed', function(t)
    t:is(names('local function f() os.exit(1) end return f'), '', 'a function')
    t:is(names('require("fiber").create(function() os.exit(1) end)'), 'fiber.create', 'a fiber')
end)

case('calls without a name are left out', function(t)
    t:is(names('local t = {} t[1]()'), '', 'an entry of a table')
    t:is(names('local s = require("http.server").new() s:start()'), 'http.server.new', 'a method of a result')
    t:is(names('local f = os.exit f = print f(1)'), 'print', 'a variable with another value')
    t:is(names('require(name).start()'), '', 'a module whose name is not known')
end)

case('calls have their lines', function(t)
    local list = calls.list(assert(loadstring('\n\nprint(1)\nos.exit(1)')))
    t:is(list[1].line, 3, 'the first')
    t:is(list[2].line, 4, 'the second')
end)

lib.run()
