-- reload/main_script.lua: finds the main script, and lists its risks.

local fio = require('fio')
local setenv = rawget(os, 'setenv')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.main_script')

lib.box()

local function load()
    return lib.load('reload.main_script')
end

--- Makes the process look as if it was started with this script.
local function started_with(path, environment)
    local before = rawget(_G, 'arg')
    rawset(_G, 'arg', {[0] = path})
    local values = {}
    for name, value in pairs(environment or {}) do
        values[name] = os.getenv(name) or false
        setenv(name, value)
    end
    lib.defer(function()
        rawset(_G, 'arg', before)
        for name, value in pairs(values) do
            setenv(name, value or nil)
        end
    end)
end

case('an absolute path is the script', function(t)
    local path = fio.pathjoin(lib.directory(), 'init.lua')
    lib.write(path, '')
    started_with(path)
    local main = load().find()
    t:is(main.path, path, 'path')
    t:is(main.given, path, 'as given')
end)

case('a relative path is relative to where the process was started', function(t)
    local directory = lib.directory()
    lib.write(fio.pathjoin(directory, 'start_me.lua'), '')
    started_with('./start_me.lua', {PWD = directory})
    local main = load().find()
    t:is(main.path, fio.pathjoin(directory, 'start_me.lua'), 'path')
    t:is(main.given, './start_me.lua', 'as given')
    t:is(main.directory, directory, 'the directory')
end)

case('loaded modules tell the directory first', function(t)
    local app = lib.app({['@.a'] = 'return {f = function() end}', ['start_me'] = ''})
    app.require('@.a')
    local other = lib.directory()
    lib.write(fio.pathjoin(other, 'start_me.lua'), '')
    started_with('start_me.lua', {PWD = other})
    t:is(load().find().path, app.path('start_me'), 'path')
end)

case('two possible files are refused', function(t)
    local one, two = lib.directory(), lib.directory()
    lib.write(fio.pathjoin(one, 'start_me.lua'), '')
    lib.write(fio.pathjoin(two, 'start_me.lua'), '')
    local searchroot = package.searchroot()
    package.setsearchroot(two)
    lib.defer(function() package.setsearchroot(searchroot) end)
    started_with('start_me.lua', {PWD = one})
    local main, why = load().find()
    t:is(main, nil, 'none')
    t:ok(why:find(one, 1, true) and why:find(two, 1, true), 'both are named')
end)

case('without a script nothing is found', function(t)
    started_with('tarantool')
    t:is(load().find(), nil, 'an expression on the command line')
    started_with('-')
    t:is(load().find(), nil, 'standard input')
    started_with('not_there.lua')
    local main, why = load().find()
    t:is(main, nil, 'a file that is gone')
    t:ok(why:find('not_there.lua', 1, true), 'is named')
end)

case('the script of tt is found', function(t)
    local path = fio.pathjoin(lib.directory(), 'init.lua')
    lib.write(path, '')
    started_with('-', {TT_CLI_INSTANCE = path})
    t:is(load().find().path, path, 'path')
end)

local function risks(text)
    local _, list = load().judge(assert(loadstring(text)))
    return #list
end

case('risky calls of a script are listed', function(t)
    t:is(risks('box.cfg({}) require("app").start()'), 0, 'nothing')
    t:is(risks('os.exit(1)'), 1, 'the end of the process')
    t:is(risks('require("console").start() os.exit(1)'), 0, 'but not behind the console')
    t:is(risks('while true do require("fiber").sleep(1) end'), 1, 'a loop without an end')
    t:is(risks('box.space.a:truncate() box.space.b:drop()'), 2, 'data that is dropped')
    t:is(risks('box.schema.space.create("a")'), 1, 'what exists already')
    t:is(risks('box.schema.space.create("a", {if_not_exists = true})'), 0, 'unless that is allowed for')
    t:is(risks('box.once("a", function() box.schema.space.create("a") end)'), 0, 'nor in box.once')
end)

local RELOADER = {count = 1, O = {}, F = {}, C = {}, register = function() end, _reload = function() end}

case('the options decide whether the script runs', function(t)
    local path = fio.pathjoin(lib.directory(), 'init.lua')
    lib.write(path, '')
    started_with(path)
    local choice = {}
    load().add(choice, {})
    t:is(choice.main, nil, 'none')
    t:is(choice.script.path, path, 'but it is known')
    load().add(choice, {main = true})
    t:is(choice.main.path, path, 'with --main')
    RELOADER.script = path
    rawset(package, 'reload', RELOADER)
    lib.defer(function() rawset(package, 'reload', nil) end)
    choice = {}
    load().add(choice, {})
    t:is(choice.main.path, path, 'those of an application with package.reload')
    t:is(choice.reloader, RELOADER, 'which is known')
    RELOADER.script = '/nowhere/init.lua'
    started_with('-')
    choice = {}
    load().add(choice, {})
    t:is(choice.main.path, '/nowhere/init.lua', 'it may be gone: that is told when it is read')
end)

lib.run()
