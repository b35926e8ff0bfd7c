-- code/recorder.lua and code/catalog.lua: files that an application loads
-- without `require` are reloaded with the module that loads them.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('code.recorder')

lib.box()

--- Creates an application with a module that loads a file.
-- @tparam string how Lua that loads the file at `path`
-- @treturn table app, with `reload(args)`, `plan()`, `file(text)`
local function begin(how, text, more)
    local files = {['@'] = ([[
        local path = '%%s'
        return {tasks = (function() %s end)()}
    ]]):format(how)}
    local app = lib.app({})
    local path = fio.pathjoin(app.root, 'conf', 'tasks.lua')
    function app.file(new_text)
        lib.write(path, new_text)
    end
    for name, module_text in pairs(more or {}) do
        files[name] = module_text
    end
    for name, module_text in pairs(files) do
        app.write(name, (module_text:gsub('%%s', path)))
    end
    app.file(text)
    app.path_of_file = path
    function app.reload(args)
        args = table.copy(args or {})
        args.modules = args.modules or {app.name .. '*'}
        return lib.reload(args)
    end
    function app.plan()
        return lib.load('commands.plan')({command = 'plan', modules = {app.name .. '*'}})
    end
    return app
end

local function left(report)
    local list = {}
    for _, place in ipairs(report.stale or {}) do
        if not place.patched then
            table.insert(list, ('%s: %s'):format(place.where, place['function']))
        end
    end
    return list
end

-- A rock keeps what it uses in local variables.
local rock = assert(loadstring([[
    local loadfile, dofile, loadstring, require = loadfile, dofile, loadstring, require
    return {loadfile = loadfile, dofile = dofile, loadstring = loadstring}
]], '@/x/.rocks/share/tarantool/rock.lua'))()
rawset(_G, 'recorder_test_rock', {load = assert(loadstring([[
    local loadfile = ...
    return function(path) local chunk = assert(loadfile(path)) return chunk() end
]], '@/x/.rocks/share/tarantool/rock.lua'))(rock.loadfile), read = assert(loadstring([[
    local loadstring = ...
    return function(path)
        local fh = io.open(path)
        local text = fh:read('*a')
        fh:close()
        return assert(loadstring(text))()
    end
]], '@/x/.rocks/share/tarantool/rock.lua'))(rock.loadstring)})

local WAYS = {
    dofile = 'return dofile(path)',
    ['dofile at the end of a module'] = 'local result = dofile(path) return result',
    loadfile = 'return assert(loadfile(path))()',
    ['a rock'] = 'return recorder_test_rock.load(path)',
    loadstring = [[
        local fh = require('fio').open(path, {'O_RDONLY'})
        local text = fh:read()
        fh:close()
        return assert(loadstring(text, string.char(64) .. path))()
    ]],
    ['loadstring with a path'] = [[
        local fh = io.open(path)
        local text = fh:read('*a')
        fh:close()
        return assert(loadstring(text, path))()
    ]],
    ['loadstring of text alone'] = [[
        local function read(name)
            local fh = io.open(name)
            local text = fh:read('*a')
            fh:close()
            return text
        end
        local text = read(path)
        return assert(loadstring(text))()
    ]],
    load = [[
        local fh = io.open(path)
        local done
        local chunk = assert(load(function()
            if not done then
                done = true
                return fh:read('*a')
            end
        end, string.char(64) .. path))
        fh:close()
        return chunk()
    ]],
}

-- Ways in which the text does not tell where it comes from.
local WAYS_OF_TEXT = {
    ['text with another name'] = [[
        local function read(name)
            local fh = require('fio').open(name, {'O_RDONLY'})
            local text = fh:read()
            fh:close()
            return text
        end
        return assert(load(read(path), 'tasks'))()
    ]],
    ['text in pieces'] = [[
        local function pieces(name)
            local fh = io.open(name)
            return function() return fh:read(4) end
        end
        return assert(load(pieces(path), '=tasks'))()
    ]],
    ['text made of lines'] = [[
        local function lines(name)
            local list = {}
            for line in io.lines(name) do table.insert(list, line) end
            return list
        end
        return assert(loadstring(table.concat(lines(path), ' ')))()
    ]],
    ['a rock that reads text'] = 'return recorder_test_rock.read(path)',
}

local function each_way(visit)
    for _, ways in ipairs({WAYS, WAYS_OF_TEXT}) do
        for way, how in pairs(ways) do
            visit(way, how)
        end
    end
end

each_way(function(way, how)
    case(way .. ': a change of the file alone is a change', function(t)
        local app = begin(how, 'return {limit = 1}')
        app.require('@')
        t:is(app.reload().outcome, 'reloaded', 'the first reload')
        t:is(app.reload({if_changed = true}).outcome, 'unchanged', 'nothing changed')
        local report = app.plan()
        t:is_deeply(report.files, {{path = app.path_of_file, module = app.name, changed = false}}, 'planned')
        app.file('return {limit = 2}')
        t:is(app.plan().files[1].changed, true, 'planned with its change')
        report = app.reload({if_changed = true})
        t:is(report.outcome, 'reloaded', 'changed')
        t:is_deeply(report.files, {{path = app.path_of_file, module = app.name, changed = true}}, 'in the report')
        t:is(app.loaded('@').tasks.limit, 2, 'and loaded')
        fio.unlink(app.path_of_file)
        t:is(app.plan().files[1].changed, true, 'a file that is gone has changed too')
    end)
end)

case('files that are read and not compiled are not code', function(t)
    local app = begin([[
        local fh = io.open(path)
        local text = fh:read('*a')
        fh:close()
        return {text = text}
    ]], 'some = data')
    app.require('@')
    local open, lines, fio_open = io.open, io.lines, fio.open
    t:is(#app.reload().files, 0, 'not listed')
    t:ok(io.open == open and io.lines == lines and fio.open == fio_open, 'functions are put back')
    app.file('other = data')
    t:is(app.reload({if_changed = true}).outcome, 'unchanged', 'and no change')
end)

for way, how in pairs(WAYS) do
    case(way .. ': old functions of the file are found', function(t)
        local app = begin(how, 'local function run() return 1 end return {run = function() return run() end}')
        rawset(_G, 'recorder_test_kept', {})
        lib.defer(function() rawset(_G, 'recorder_test_kept', nil) end)
        app.require('@')
        -- Later generations do not differ from each other in the way of loading.
        for generation = 0, way == 'dofile' and 2 or 1 do
            rawset(_G, 'recorder_test_kept', {app.loaded('@').tasks.run})
            local report = app.reload({stale = 'report'})
            t:is(report.outcome, 'reloaded', ('generation %d is replaced'):format(generation))
            t:is(#left(report), 1, 'one place is left')
            t:ok(lib.mentions(left(report), 'recorder_test_kept'), 'it is named')
            rawset(_G, 'recorder_test_kept', {app.loaded('@').tasks.run})
            report = lib.load('commands.stale')({command = 'stale', timeout = 60})
            t:is(#left(report), 0, 'new functions are not stale: ' .. tostring(left(report)[1]))
        end
    end)
end

case('code of a file that new code does not load is old', function(t)
    local app = begin('return dofile(path)', 'return {run = function() end}')
    rawset(_G, 'recorder_test_kept', {app.require('@').tasks.run})
    lib.defer(function() rawset(_G, 'recorder_test_kept', nil) end)
    app.write('@', 'return {}')
    local report = app.reload({stale = 'report'})
    t:is(#left(report), 1, 'in the first generation')
    t:is(#(report.files or {}), 0, 'no file is loaded')
    t:is(#(app.plan().files), 0, 'and none would be')
end)

case('files loaded by the main script and used by modules do not belong to them', function(t)
    local app = begin("return 1", 'return {trim = function() return 1 end}', {
        ['@.user'] = 'local util = recorder_test_util return {trim = util.trim, made = util.made}',
    })
    local util = dofile(app.path_of_file)
    util.made = loadstring('return 1')
    rawset(_G, 'recorder_test_util', util)
    lib.defer(function() rawset(_G, 'recorder_test_util', nil) end)
    app.require('@.user')
    for generation = 1, 2 do
        local report = app.reload({stale = 'fail'})
        t:is(report.outcome, 'reloaded', ('generation %d: nothing is stale'):format(generation))
        t:is(#left(report), 0, 'and nothing listed: ' .. tostring(left(report)[1]))
    end
end)

case('functions compiled from strings belong to the module that compiles them', function(t)
    local app = begin('return {run = loadstring("return " .. path:len())}', 'return 1')
    rawset(_G, 'recorder_test_kept', {})
    lib.defer(function() rawset(_G, 'recorder_test_kept', nil) end)
    app.require('@')
    app.reload()
    rawset(_G, 'recorder_test_kept', {app.loaded('@').tasks.run})
    local report = lib.load('commands.stale')({command = 'stale', timeout = 60})
    t:is(#left(report), 0, 'the new one is not stale')
    report = app.reload({stale = 'report'})
    t:is(#left(report), 1, 'the old one is')
end)

case('a module that is not selected keeps its copy of a file', function(t)
    local app = begin('return dofile(path)', 'return {run = function() end}', {
        ['@.other'] = "return {tasks = dofile('%s')}",
    })
    app.require('@')
    app.require('@.other')
    app.reload()
    app.file('return {run = function() return 2 end}')
    local report = app.reload({modules = {app.name}, stale = 'fail'})
    t:is(report.outcome, 'reloaded', 'nothing of the chosen module is stale')
    report = app.reload({modules = {app.name .. '.other'}, if_changed = true})
    t:is(report.outcome, 'reloaded', 'the other one has not loaded the change')
    t:is(app.loaded('@.other').tasks.run(), 2, 'now it has')
    t:is(app.reload({if_changed = true}).outcome, 'unchanged', 'and nothing more changes')
end)

lib.run()
