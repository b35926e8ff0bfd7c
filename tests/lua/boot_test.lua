-- boot.lua: the function that the request line calls.

local fio = require('fio')
local json = require('json')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('boot')

local function read(path)
    local file = assert(io.open(path, 'rb'))
    local text = file:read('*a')
    file:close()
    return text
end

--- Runs boot.lua with these modules: {name, source, ...}.
local function boot(modules, args)
    local chunk = assert(loadstring(read(fio.pathjoin(lib.src, 'boot.lua')), '@cartridge-reload/boot.lua'))
    local argv = table.copy(modules)
    table.insert(argv, type(args) == 'string' and args or json.encode(args))
    return chunk(unpack(argv))
end

case('a command gets its arguments and returns its report', function(t)
    local report = boot({'commands.cmd', "return function(args) return {outcome = 'ok', got = args} end"},
        {command = 'cmd', list = {'a', 'b'}, yes = true})
    t:is(report.cartridge_reload, 1, 'protocol')
    t:is(report.outcome, 'ok', 'outcome')
    t:is_deeply(report.got.list, {'a', 'b'}, 'arguments')
end)

case('a command uses the original functions of Lua even if an application replaces them', function(t)
    local insert, pairs_before = table.insert, pairs
    lib.defer(function()
        rawset(table, 'insert', insert)
        rawset(_G, 'pairs', pairs_before)
    end)
    local report = boot({'commands.cmd', [[
        return function()
            _G.table.insert = nil
            rawset(_G, 'pairs', nil)
            local list = {}
            table.insert(list, 'entry')
            for _, value in pairs(list) do
                return {outcome = 'ok', value = value, seen = _G.table.insert}
            end
        end
    ]]}, {command = 'cmd'})
    rawset(table, 'insert', insert)
    rawset(_G, 'pairs', pairs_before)
    t:is(report.value, 'entry', 'they work')
    t:is(report.seen, nil, 'others find what is there')
end)

case('modules find each other by a private require', function(t)
    local report = boot({
        'commands.cmd', [[
            local require = ...
            local a, b = require('adapters.a'), require('b')
            return function() return {a = a, same = a == b.a} end
        ]],
        'adapters.a', "local require = ... return {json = require('json') ~= nil}",
        'b', "local require = ... return {a = require('adapters.a')}",
    }, {command = 'cmd'})
    t:is(report.a.json, true, 'and what is of Tarantool')
    t:is(report.same, true, 'each is loaded once')
end)

case('a command leaves nothing in package.loaded or the globals', function(t)
    local globals, loaded = {}, {}
    for name in next, _G do globals[name] = true end
    for name in pairs(package.loaded) do loaded[name] = true end
    boot({'commands.cmd', 'return function() return {} end'}, {command = 'cmd'})
    local stray = {}
    for name in next, _G do
        if not globals[name] then table.insert(stray, name) end
    end
    for name in pairs(package.loaded) do
        if not loaded[name] then table.insert(stray, name) end
    end
    t:is(table.concat(stray, ' '), '', 'globals and modules')
end)

case('an internal error becomes a report with file and line', function(t)
    local report = boot({'commands.cmd', "return function()\n error('bug') end"}, {command = 'cmd'})
    t:is(report.cartridge_reload, 1, 'protocol')
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'internal_error', 'code')
    t:is(report.error.message, 'cartridge-reload/commands/cmd.lua:2: bug', 'message')
    t:like(report.error.traceback, 'cartridge%-reload/commands/cmd.lua:2', 'traceback')
    for _, source in ipairs({'return function() error() end', 'return function() error({1}) end',
        "return function() error(setmetatable({}, {__tostring = function() error('x') end})) end",
        'return function() local function f() return 1 + f() end f() end', 'syntax error', 'return 5',
        "error('at the top')"}) do
        report = boot({'commands.cmd', source}, {command = 'cmd'})
        t:is(report.outcome, 'failed', source)
    end
end)

case('an unknown command or malformed arguments become reports', function(t)
    t:is(boot({}, {command = 'nothing.of.the.kind'}).outcome, 'failed', 'no such command')
    t:is(boot({}, 'no json').outcome, 'failed', 'no JSON')
    t:is(boot({}, '{}').outcome, 'failed', 'no command')
end)

case('every source file can be loaded by itself', function(t)
    -- These are not modules; they run at once.
    local scripts = {boot = true, typed = true}
    local names = {}
    for _, directory in ipairs({'', 'adapters/', 'scan/'}) do
        for _, file in ipairs(fio.listdir(fio.pathjoin(lib.src, directory))) do
            local name = file:match('^(.*)%.lua$')
            if name ~= nil and not scripts[name] then
                table.insert(names, (directory .. name):gsub('/', '.') .. '')
            end
        end
    end
    t:ok(#names > 10, 'there are some')
    for _, name in ipairs(names) do
        -- Modules that boot.lua itself provides.
        local ok, err = pcall(lib.load, name, {sources = {}})
        t:ok(ok, name .. (ok and '' or ': ' .. tostring(err)))
    end
end)

lib.run()
