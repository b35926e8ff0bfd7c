-- The command `reload` as a whole, on applications without Cartridge.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.reload')

lib.box()

--- Returns the comparable state of an instance: everything that a reload changes.
local function state_of_instance()
    local function ids(list)
        local result = {}
        for key, value in pairs(list) do
            result[tostring(key)] = tostring(value)
        end
        return result
    end
    local fibers = {}
    for id, info in pairs(fiber.info({backtrace = false})) do
        -- The server's own fibers come and go.
        fibers[tostring(id)] = info.name ~= 'main' and info.name or nil
    end
    local globals = {}
    for name, value in next, _G do
        if name ~= '__cartridge_reload' then
            globals[name] = tostring(value)
        end
    end
    local triggers = {}
    for name, space in pairs(box.space) do
        if type(name) == 'string' then
            for _, event in ipairs({'on_replace', 'before_replace'}) do
                local ok, list = pcall(space[event], space)
                triggers[name .. '.' .. event] = ok and ids(list) or nil
            end
            triggers[name .. '.methods'] = tostring(rawget(space, 'on_replace'))
        end
    end
    return {
        loaded = ids(package.loaded),
        preload = ids(package.preload),
        loaders = ids(package.loaders),
        paths = {package.path, package.cpath},
        globals = globals,
        fibers = fibers,
        triggers = triggers,
        session = ids(box.session.on_connect()),
        fiber = ids(fiber),
        ffi = ids(require('ffi')),
        socket = ids(require('socket')),
    }
end

--- Returns the differences between two such states, as texts.
local function differences(a, b, path, list)
    list, path = list or {}, path or ''
    for key, value in pairs(a) do
        if type(value) == 'table' and type(b[key]) == 'table' then
            differences(value, b[key], path .. '.' .. key, list)
        elseif value ~= b[key] then
            table.insert(list, ('%s.%s: %s, now %s'):format(path, key, tostring(value), tostring(b[key])))
        end
    end
    for key, value in pairs(b) do
        if a[key] == nil then
            table.insert(list, ('%s.%s: now %s'):format(path, key, tostring(value)))
        end
    end
    return list
end

local function module_of(report, name)
    for _, module in ipairs(report.modules or {}) do
        if module.name == name then
            return module
        end
    end
    return nil
end

case('new code serves after a reload, and the generation is incremented', function(t)
    local app = lib.app({
        ['@'] = "return {say = function() local M = require('@.words') return M.hello() end}",
        ['@.words'] = "return {hello = function() return 'v1' end}",
    })
    t:is(app.require('@').say(), 'v1', 'at first')
    app.write('@.words', "return {hello = function() return 'v2' end}")
    local report = lib.reload({modules = {app.name .. '*'}})
    t:is(report.outcome, 'reloaded', 'outcome ' .. tostring(report.error and report.error.message))
    t:is(report.generation, 1, 'generation')
    t:is(app.require('@').say(), 'v2', 'code')
    t:is(#report.modules, 2, 'modules')
    t:is(report.uuid, box.info.uuid, 'uuid')
    for _, phase in ipairs({'compile', 'load', 'commit', 'scan'}) do
        t:is(type(report.timings_ms[phase]), 'number', 'time of ' .. phase)
    end
    t:is(type(report.duration_ms), 'number', 'duration')
    report = lib.reload({modules = {app.name .. '*'}})
    t:is(report.generation, 2, 'next generation')
    t:is(module_of(report, app.name .. '.words').changed, false, 'and nothing changed')
    app.write('@.words', "return {hello = function() return 'v3' end}")
    report = lib.reload({modules = {app.name .. '*'}})
    t:is(module_of(report, app.name .. '.words').changed, true, 'until it did')
    t:is(module_of(report, app.name).changed, false, 'where it did')
end)

local BROKEN = {
    ['syntax error'] = {'local = 3', 'compile_error'},
    ['error at the top'] = {"error('boom')", 'load_error'},
    ['error that is a table'] = {'error({code = 1})', 'load_error'},
    ['error that is nothing'] = {'error()', 'load_error'},
    ['error of box'] = {"box.error({code = 1, reason = 'r'})", 'load_error'},
    ['error after a yield'] = {"require('fiber').sleep(0.01) error('boom')", 'load_error'},
    ['a module that is not there'] = {"require('nowhere.at.all')", 'load_error'},
    ['a module that does not compile'] = {"require('@.new_and_broken')", 'load_error'},
    ['endless recursion'] = {'local function f() return 1 + f() end f()', 'load_error'},
    ['globals'] = {[[
        rawset(_G, 'reload_new', 1)
        rawset(_G, 'reload_old', 2)
        rawset(_G, 'reload_f', function() end)
        error('boom')
    ]], 'load_error'},
    ['triggers'] = {"box.space.reload:on_replace(function() end) box.session.on_connect(function() end) error('boom')",
        'load_error'},
    ['fibers'] = {[[
        local fiber = require('fiber')
        fiber.create(function() while true do fiber.sleep(0.01) end end)
        fiber.new(function() while true do fiber.sleep(0.01) end end)
        error('boom')
    ]], 'load_error'},
    ['fibers of fibers'] = {[[
        local fiber = require('fiber')
        fiber.create(function()
            fiber.create(function() while true do fiber.sleep(0.01) end end)
            fiber.sleep(100)
        end)
        fiber.sleep(0.01)
        error('boom')
    ]], 'load_error'},
    ['servers'] = {"require('socket').tcp_server('127.0.0.1', 0, function() end) error('boom')", 'load_error'},
    ['loaders and paths'] = {[[
        package.path = 'nowhere;' .. package.path
        table.insert(package.loaders, 2, function() end)
        table.insert(package.loaders, function() end)
        package.preload['reload.pre'] = function() end
        package.loaded['reload.other'] = {}
        error('boom')
    ]], 'load_error'},
    ['globals in a coroutine'] = {
        "coroutine.wrap(function() rawset(_G, 'reload_new', 1) error('boom') end)()", 'load_error'},
    ['globals of a fiber that has not run'] = {
        "require('fiber').new(function() rawset(_G, 'reload_new', 1) end) error('boom')", 'load_error'},
    ['a new module that was loaded'] = {"require('@.fresh') error('boom')", 'load_error'},
    ['a module that puts itself there'] = {"package.loaded[...] = {} error('boom')", 'load_error'},
}

case('broken code of any kind leaves the instance unchanged', function(t)
    local labels = {}
    for label in pairs(BROKEN) do
        table.insert(labels, label)
    end
    table.sort(labels)
    local space = box.schema.space.create('reload')
    space:create_index('pk')
    lib.defer(function() space:drop() end)
    rawset(_G, 'reload_old', 1)
    lib.defer(function() rawset(_G, 'reload_old', nil) end)
    for _, label in ipairs(labels) do
        local app = lib.app({
            ['@'] = "local words = require('@.words') require('@.last') return words",
            ['@.words'] = "return {hello = function() return 'v1' end}",
            ['@.last'] = "return {}",
            ['@.fresh'] = 'return {}',
            ['@.new_and_broken'] = 'local = 1',
        })
        local old = app.require('@')
        app.write('@.words', "return {hello = function() return 'v2' end}")
        app.write('@.last', BROKEN[label][1])
        fiber.sleep(0)
        local before = state_of_instance()
        local report = lib.reload({modules = {app.name .. '*'}})
        local found
        lib.wait(function()
            found = differences(before, state_of_instance())
            return #found == 0
        end, 0.5)
        t:is(report.outcome, 'failed', label .. ': outcome')
        t:is(report.error and report.error.code, BROKEN[label][2], label .. ': code')
        t:is(report.error and report.error.module, app.name .. '.last', label .. ': module')
        t:is(type(report.error and report.error.message), 'string', label .. ': message')
        t:is(report.generation, 0, label .. ': generation')
        t:is(table.concat(found, '\n'), '', label .. ': state')
        t:is(app.loaded('@').hello(), 'v1', label .. ': code')
        t:is(app.loaded('@'), old, label .. ': module')
        -- And the next good one is just the good one.
        app.write('@.last', "return {}")
        report = lib.reload({modules = {app.name .. '*'}})
        t:is(report.outcome, 'reloaded', label .. ': next one')
        t:is(app.require('@').hello(), 'v2', label .. ': next code')
        rawset(_G, '__cartridge_reload', nil)
        rawset(_G, 'reload_new', nil)
    end
end)

case('repeated C declarations are accepted in a reload, also after a failed one', function(t)
    local text = "require('ffi').cdef([[int crt_reload_@(int); struct crt_reload_@ { int a; };]]) return {}"
    local app = lib.app({['@'] = text, ['@.z'] = 'return {}'})
    app.require('@')
    app.require('@.z')
    t:is(lib.reload({modules = {app.name .. '*'}}).outcome, 'reloaded', 'again')
    app.write('@.z', "error('boom')")
    local report = lib.reload({modules = {app.name .. '*'}})
    t:is(report.outcome, 'failed', 'nothing new was declared, so nothing is left')
    app.write('@.z', 'return {}')
    app.write('@', "require('ffi').cdef([[struct crt_reload_@ { int a; int b; };]]) return {}")
    report = lib.reload({modules = {app.name .. '*'}})
    t:is(report.error.code, 'ffi_changed', 'another layout')
    t:is(report.error.phase, 'load', 'phase')
    t:is(report.error.module, app.name, 'module')
end)

case('loops of modules that are not selected keep running', function(t)
    local LOOP = [[
        local fiber = require('fiber')
        local function loop() fiber.name('@_%s') while true do fiber.sleep(0.01) end end
        fiber.create(loop)
        return {}
    ]]
    local app = lib.app({['@.a'] = LOOP:format('a'), ['@.b'] = LOOP:format('b')})
    local function loops()
        local names = {}
        for _, info in pairs(fiber.info({backtrace = false})) do
            if info.name:find('^' .. app.name .. '_') then
                table.insert(names, info.name:match('.$'))
            end
        end
        table.sort(names)
        return table.concat(names)
    end
    lib.defer(function()
        for id, info in pairs(fiber.info({backtrace = false})) do
            if info.name:find('^' .. app.name .. '_') then
                fiber.kill(id)
            end
        end
    end)
    app.require('@.a')
    app.require('@.b')
    local function ab()
        return loops() == 'ab'
    end
    t:ok(lib.wait(ab), 'at first')
    t:is(lib.reload({modules = {app.name .. '.*'}}).outcome, 'reloaded', 'everything')
    t:ok(lib.wait(ab), 'one loop each: ' .. loops())
    t:is(lib.reload({modules = {app.name .. '.a'}}).outcome, 'reloaded', 'one module')
    t:ok(lib.wait(ab), 'one loop each: ' .. loops())
    t:is(lib.reload({modules = {app.name .. '.b'}}).outcome, 'reloaded', 'the other one')
    t:ok(lib.wait(ab), 'one loop each: ' .. loops())
end)

case('--if-changed does nothing without a change', function(t)
    local app = lib.app({['@'] = 'return {1}'})
    local args = {modules = {app.name .. '*'}, if_changed = true}
    app.require('@')
    t:is(lib.reload(args).outcome, 'reloaded', 'generation 0: not known')
    local serving = app.loaded('@')
    local report = lib.reload(args)
    t:is(report.outcome, 'unchanged', 'nothing changed')
    t:is(report.generation, 1, 'generation')
    t:is(app.loaded('@'), serving, 'the code is the same')
    app.write('@', 'return {2}')
    t:is(lib.reload(args).outcome, 'reloaded', 'something changed')
    app.remove('@')
    package.loaded[app.name] = {f = assert(loadstring('return 1', '@' .. app.path('@')))}
    t:is(lib.reload(args).outcome, 'reloaded', 'a file is gone')
end)

case('a failed reload does not count as having loaded a change', function(t)
    local app = lib.app({['@'] = 'return {1}', ['@.z'] = 'return {}'})
    local args = {modules = {app.name .. '*'}, if_changed = true}
    app.require('@')
    app.require('@.z')
    lib.reload(args)
    app.write('@', 'return {2}')
    app.write('@.z', "error('boom')")
    t:is(lib.reload(args).outcome, 'failed', 'fails')
    app.write('@.z', 'return {}')
    t:is(lib.reload(args).outcome, 'reloaded', 'the change is still one')
    t:is(app.loaded('@')[1], 2, 'and loaded')
end)

case('a pattern that matches no module is refused', function(t)
    local report = lib.reload({modules = {'no.such.module'}})
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    t:ok(report.outcome ~= 'reloaded' or #(report.warnings or {}) > 0, 'outcome ' .. report.outcome)
end)

case('a second reload at the same time is refused and names the holder of the lock', function(t)
    local app = lib.app({['@'] = 'return {}'})
    app.require('@')
    app.write('@', "while not rawget(_G, 'may_end') do require('fiber').sleep(0.01) end return {}")
    lib.defer(function() rawset(_G, 'may_end', nil) end)
    local first
    fiber.create(function()
        first = lib.reload({modules = {app.name}, holder = 'alice'})
    end)
    t:ok(lib.wait(function() return lib.stash() and lib.stash().lock end), 'the first runs')
    local second = lib.reload({modules = {app.name}, holder = 'bob'})
    t:is(second.outcome, 'refused', 'outcome')
    t:is(second.error.code, 'locked', 'code')
    t:like(second.error.message, 'alice', 'by whom')
    t:ok(second.error.transient, 'it passes')
    rawset(_G, 'may_end', true)
    t:ok(lib.wait(function() return first end), 'the first ends')
    t:is(first.outcome, 'reloaded', 'well')
    t:is(lib.stash().lock, nil, 'and gives the lock back')
end)

case('new code that never ends is rolled back at the deadline', function(t)
    local app = lib.app({['@'] = 'return {1}'})
    local old = app.require('@')
    app.write('@', "while true do require('fiber').sleep(0.01) end")
    local before = state_of_instance()
    local report = lib.reload({modules = {app.name}, timeout = 1})
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(report.error.code, 'deadline', 'code')
    t:is(report.error.phase, 'load', 'phase')
    t:is(app.loaded('@'), old, 'old code')
    t:is(table.concat(differences(before, state_of_instance()), '\n'), '', 'state')
    t:is(lib.stash().lock, nil, 'lock')
end)

case('a reload that arrives too late does not begin', function(t)
    local app = lib.app({['@'] = 'return {1}'})
    local old = app.require('@')
    local report = lib.reload({modules = {app.name}, not_after = fiber.time() - 1})
    t:is(report.outcome, 'timeout', 'outcome')
    t:is(app.loaded('@'), old, 'old code')
    t:is(lib.stash(), nil, 'no registry')
end)

case('a reload whose client disconnects completes and releases the lock', function(t)
    local app = lib.app({['@'] = 'return {1}'})
    local old = app.require('@')
    app.write('@', "rawset(_G, 'reload_new', 1) require('fiber').sleep(100)")
    local before = state_of_instance()
    lib.defer(function() rawset(_G, 'reload_new', nil) end)
    local runner = fiber.new(function()
        pcall(lib.reload, {modules = {app.name}, timeout = 0.3})
    end)
    lib.wait(function() return rawget(_G, 'reload_new') end)
    runner:cancel()
    t:ok(lib.wait(function() return lib.stash().lock == nil end), 'lock')
    local found
    lib.wait(function()
        found = differences(before, state_of_instance())
        return #found == 0
    end, 1)
    t:is(table.concat(found, '\n'), '', 'state')
    t:is(app.loaded('@'), old, 'old code')
    t:is(lib.stash().last.outcome, 'timeout', 'and how it ended is remembered')
end)

case('modules can be added, removed and renamed', function(t)
    local app = lib.app({
        ['@'] = "require('@.a') require('@.b') return {}",
        ['@.a'] = 'return {f = function() end}',
        ['@.b'] = 'return {f = function() end}',
    })
    local args = {modules = {app.name .. '*'}}
    app.require('@')
    app.remove('@.a')
    app.write('@.c', 'return {}')
    app.write('@', "require('@.c') require('@.b') return {}")
    local report = lib.reload(args)
    t:is(report.outcome, 'reloaded', 'outcome ' .. tostring(report.error and report.error.message))
    t:is(app.loaded('@.a'), nil, 'gone')
    t:ok(app.loaded('@.c') ~= nil, 'come')
    t:ok(module_of(report, app.name .. '.c').changed, 'reported')
    app.remove('@.b')
    report = lib.reload(args)
    t:is(report.outcome, 'failed', 'still required')
    t:ok(app.loaded('@.b') ~= nil, 'and still there')
end)

case('an application whose files are all gone is left alone', function(t)
    local app = lib.app({['@'] = 'return {f = function() end}', ['@.a'] = 'return {f = function() end}'})
    app.require('@')
    app.require('@.a')
    app.remove('@')
    app.remove('@.a')
    for _, command in ipairs({'plan', 'reload'}) do
        local report = lib.load('commands.' .. command)({command = command, timeout = 60, exclude = {'tests*'}})
        t:is(report.outcome, 'refused', command)
        t:is(report.error.code, 'no_modules', command .. ': code')
        t:like(report.error.message, 'the files of all application modules are missing; one of them is /.*%.lua$',
            command .. ': message')
    end
    t:ok(app.loaded('@') ~= nil and app.loaded('@.a') ~= nil, 'still there')
    t:is(lib.reload({modules = {app.name .. '*'}}).outcome, 'reloaded', 'unless they are named')
    t:is(app.loaded('@'), nil, 'forgotten')
end)

case('twenty reloads leave nothing behind', function(t)
    local app = lib.app({['@'] = [[
        local fiber = require('fiber')
        fiber.create(function() fiber.name('hundred') while true do fiber.sleep(0.001) end end)
        box.space.hundred:on_replace(function() end)
        rawset(_G, 'hundred', function() end)
        require('ffi').cdef('struct crt_hundred_@ { int a; };')
        return {}
    ]]})
    local space = box.schema.space.create('hundred')
    space:create_index('pk')
    lib.defer(function()
        space:drop()
        rawset(_G, 'hundred', nil)
    end)
    app.require('@')
    local args = {modules = {app.name}}
    local function count()
        local fibers = 0
        for _ in pairs(fiber.info({backtrace = false})) do
            fibers = fibers + 1
        end
        return {fibers = fibers, triggers = #space:on_replace(), loaders = #package.loaders}
    end
    lib.reload(args)
    local before = count()
    local outcome = 'reloaded'
    for _ = 1, 20 do
        local report = lib.reload(args)
        outcome = report.outcome ~= 'reloaded' and report.error.message or outcome
    end
    t:is(outcome, 'reloaded', 'all of them')
    local after
    lib.wait(function()
        after = count()
        return after.fibers <= before.fibers
    end)
    t:ok(after.fibers <= before.fibers, 'fibers')
    t:is(after.triggers, 1, 'triggers')
    t:is(after.loaders, before.loaders, 'loaders')
    for id, info in pairs(fiber.info({backtrace = false})) do
        if info.name == 'hundred' then
            fiber.kill(id)
        end
    end
end)

case('the state table records the last reloads', function(t)
    local app = lib.app({['@'] = 'return {}'})
    app.require('@')
    lib.reload({modules = {app.name}})
    local last = lib.stash().last
    t:is(last.outcome, 'reloaded', 'outcome')
    t:is(type(last.at), 'number', 'when')
    t:is(type(last.duration_ms), 'number', 'how long')
    t:is(type(lib.stash().loaded_at), 'number', 'when it was loaded')
    app.write('@', "error('boom')")
    lib.reload({modules = {app.name}})
    last = lib.stash().last
    t:is(last.outcome, 'failed', 'outcome of a failure')
    t:is(last.code, 'load_error', 'its code')
end)

case('a failed reload reports a space that new code created', function(t)
    -- Spaces are data: they stay, and that must be said.
    local app = lib.app({['@'] = 'return {}'})
    app.require('@')
    app.write('@', "box.schema.space.create('reload_made') error('boom')")
    local report = lib.reload({modules = {app.name}})
    local texts = {}
    for _, text in ipairs(report.warnings or {}) do
        table.insert(texts, text)
    end
    for _, text in ipairs(report.rollback and report.rollback.left or {}) do
        table.insert(texts, text)
    end
    t:ok(box.space.reload_made == nil or #texts > 0, 'it is gone, or named')
    if box.space.reload_made ~= nil then
        box.space.reload_made:drop()
    end
end)

case('functions that the main script registered are patched', function(t)
    local app = lib.app({['@'] = [[
        local M = {}
        function M.check(_, new) return new:update({{'=', 2, 'v1'}}) end
        function M.note() noted = 'v1' end
        return M
    ]]})
    local space = box.schema.space.create('main_script')
    space:create_index('pk')
    rawset(_G, 'noted', false)
    lib.defer(function()
        space:drop()
        rawset(_G, 'noted', nil)
    end)
    space:before_replace(app.require('@').check)
    space:on_replace(app.require('@').note)
    app.write('@', [[
        local M = {}
        function M.check(_, new) return new:update({{'=', 2, 'v2'}}) end
        function M.note() noted = 'v2' end
        return M
    ]])
    for _ = 1, 3 do
        local report = lib.reload({stale = 'fail'})
        t:is(report.outcome, 'reloaded', 'outcome')
        t:is(#space:before_replace(), 1, 'one')
        t:is(#space:on_replace(), 1, 'one')
        t:is(space:replace({1, 'x'})[2], 'v2', 'new code')
        t:is(rawget(_G, 'noted'), 'v2', 'here too')
        t:is(space:before_replace()[1], app.require('@').check, 'that of this generation')
    end
end)

case('a trigger that new code does not set is removed', function(t)
    local set = [[
        local M = {}
        function M.note() end
        box.space.given_up:on_replace(M.note)
        return M
    ]]
    local space = box.schema.space.create('given_up')
    space:create_index('pk')
    lib.defer(function() space:drop() end)
    local app = lib.app({['@'] = set})
    app.require('@')
    lib.reload()
    t:is(#space:on_replace(), 1, 'set again')
    app.write('@', (set:gsub('box[^\n]*', '')))
    local report = lib.reload({stale = 'fail'})
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(#space:on_replace(), 0, 'and given up')
end)

--- Returns how many values of the module are alive after some reloads of the same
-- code.
local function count_alive(app, times)
    local alive = assert(loadstring([[
        local values = setmetatable({}, {__mode = 'k'})
        return function(value)
            if value ~= nil then
                values[value] = true
            end
            local count = 0
            for _ in pairs(values) do
                count = count + 1
            end
            return count
        end
    ]], '@cartridge-reload/test.lua'))()
    alive(app.require('@'))
    for _ = 1, times do
        lib.reload()
        alive(app.require('@'))
    end
    local generations = lib.load('code.generations')
    local stash = lib.stash()
    local count
    lib.wait(function()
        jit.flush()
        collectgarbage()
        collectgarbage()
        count = math.max(alive(), generations.count_alive(stash))
        return count <= 1
    end, 1)
    return count
end

for _, item in ipairs({
    {label = 'plain', text = 'local M = {} function M.get() return M end return M'},
    {label = 'functions that were staged', text = [[
        local fiber, socket, ffi = require('fiber'), require('socket'), require('ffi')
        local create, new, on_replace = fiber.create, fiber.new, box.space.alive.on_replace
        local server, metatype, cdef = socket.tcp_server, ffi.metatype, ffi.cdef
        local on_connect, my_require, create_space = box.session.on_connect, require, box.schema.space.create
        local M = {}
        function M.get()
            return create, new, on_replace, server, metatype, cdef, on_connect, my_require, create_space
        end
        return M
    ]]},
    {label = 'fibers', text = [[
        local fiber = require('fiber')
        local M = {}
        fiber.create(function() while true do fiber.sleep(0.001) M.x = 1 end end)
        fiber.new(function() fiber.sleep(100) return M end)
        return M
    ]]},
    {label = 'triggers', text = [[
        local M = {}
        function M.get() return M end
        box.space.alive:on_replace(M.get)
        box.session.on_connect(M.get)
        return M
    ]]},
    {label = 'C types', text = [[
        local ffi = require('ffi')
        ffi.cdef('struct alive_@ { int a; };')
        local M = {}
        function M.get() return M end
        M.type = ffi.metatype('struct alive_@', {__index = {get = M.get}})
        return M
    ]]},
    {label = 'a global and a class', text = [[
        local M = {}
        M.__index = M
        function M.get() return M end
        rawset(_G, 'alive_object', rawget(_G, 'alive_object') or setmetatable({}, M))
        rawset(_G, 'alive_get', M.get)
        return M
    ]]},
}) do
    case('no old generation stays alive: ' .. item.label, function(t)
        local space = box.schema.space.create('alive')
        space:create_index('pk')
        lib.defer(function()
            space:drop()
            for _, f in ipairs(box.session.on_connect()) do
                box.session.on_connect(nil, f)
            end
            rawset(_G, 'alive_object', nil)
            rawset(_G, 'alive_get', nil)
        end)
        local app = lib.app({['@'] = item.text})
        app.require('@')
        t:is(count_alive(app, 3), 1, 'the one that serves')
    end)
end

case('compiled code keeps no old generation alive', function(t)
    rawset(_G, 'held', {})
    lib.defer(function() rawset(_G, 'held', nil) end)
    -- Old code that is compiled into the loop of somebody else.
    local loop = assert(loadstring([[
        return function() local sum = 0 for i = 1, 1000 do sum = held.add(sum, i) end return sum end
    ]], '@/rocks/rock.lua'))()
    local app = lib.app({['@'] = [[
        local M = {}
        function M.add(a, b) return a + b, M.more end
        held.add = M.add
        return M
    ]]})
    -- The scan does not look into functions of the program itself.
    local watched = assert(loadstring([[
        local weak = setmetatable({}, {__mode = 'v'})
        return function(f)
            weak[1] = f or weak[1]
            return weak[1]
        end
    ]], '@cartridge-reload/test.lua'))()
    app.require('@')
    for _ = 1, 100 do
        loop()
    end
    watched(app.require('@').add)
    app.write('@', 'held.add = function(a, b) return a + b end return {}')
    lib.reload()
    collectgarbage()
    collectgarbage()
    t:is(watched(), nil, 'it is gone')
end)

case('a failed generation does not stay alive', function(t)
    local app = lib.app({['@'] = 'local M = {} function M.get() return M end return M'})
    app.require('@')
    local good = 'local M = {} function M.get() return M end return M'
    local failed = assert(loadstring([[
        local values = setmetatable({}, {__mode = 'k'})
        return function(value)
            values[value or 0] = nil
            if value ~= nil then
                values[value] = true
            end
            return next(values)
        end
    ]], '@cartridge-reload/test.lua'))()
    rawset(_G, 'note_failed', failed)
    lib.defer(function() rawset(_G, 'note_failed', nil) end)
    app.write('@', 'local M = {} function M.get() return M end note_failed(M) error("no") return M')
    t:is(lib.reload().outcome, 'failed', 'outcome')
    app.write('@', good)
    t:is(lib.reload().outcome, 'reloaded', 'then a good one')
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(failed(), nil, 'nothing is left of it')
end)

case('an error of a function that works once in a process is explained', function(t)
    local socket = require('socket')
    local server = socket.tcp_server('127.0.0.1', 0, function() end)
    local port = server:name().port
    lib.defer(function() server:close() end)
    for text, hint in pairs({
        ["error('CartridgeCfgError: Cluster is already initialized')"] = 'main script',
        ["assert(nil, 'Cluster is already initialized')"] = '--exclude',
        ["error({err = 'Cluster is already initialized'})"] = 'once',
        [('local socket = require("socket") local s = socket("AF_INET", "SOCK_STREAM", "tcp") '
            .. 'assert(s:bind("127.0.0.1", %d), s:error())'):format(port)] = 'main script',
        ["error('something else')"] = false,
    }) do
        local app = lib.app({['@'] = 'return {}'})
        app.require('@')
        app.write('@', text)
        local report = lib.reload({modules = {app.name .. '*'}})
        t:is(report.outcome, 'failed', text .. ': outcome')
        if hint then
            t:ok(report.error.message:find(hint, 1, true), text .. ': hint')
        else
            t:ok(not report.error.message:find('(', 1, true), text .. ': no hint')
        end
    end
end)

case('an error after the commit is a warning', function(t)
    for label, place in pairs({
        ['debug.getregistry'] = {debug, 'getregistry'},
        ['jit.flush'] = {jit, 'flush'},
    }) do
        local before = place[1][place[2]]
        local app = lib.app({['@'] = 'return {get = function() return "v1" end}'})
        app.require('@')
        app.write('@', label .. ' = nil return {get = function() return "v2" end}')
        local ok, report = pcall(lib.reload, {modules = {app.name .. '*'}})
        local again_ok, again = pcall(lib.reload, {modules = {app.name .. '*'}, stale = 'fail'})
        app.write('@', "error('boom')")
        local failed_ok, failed = pcall(lib.reload, {modules = {app.name .. '*'}})
        rawset(place[1], place[2], before)
        t:ok(ok and again_ok and failed_ok, label .. ': no error')
        t:is(ok and report.outcome, 'reloaded', label .. ': outcome')
        t:is(ok and report.generation, 1, label .. ': generation')
        t:ok(ok and #report.warnings > 0, label .. ': warning')
        t:is(again_ok and again.generation, 2, label .. ': the next one')
        if label == 'debug.getregistry' then
            t:is(again_ok and again.error and again.error.code, "scan_incomplete", label .. ": --stale=fail")
        end
        t:is(failed_ok and failed.outcome, 'failed', label .. ': a failure')
        t:is(failed_ok and failed.error.code, 'load_error', label .. ': its code')
        t:is(lib.load('core.stash').holder(), nil, label .. ': the lock was given back')
        rawset(_G, '__cartridge_reload', nil)
    end
end)

case('an error in a step after the commit does not fail the reload', function(t)
    local real = lib.load('reload.pipeline')
    for _, step in ipairs({'end_old', 'close', 'run'}) do
        local app = lib.app({['@'] = 'return {}'})
        app.require('@')
        local pipeline = setmetatable({new = function(...)
            local work = real.new(...)
            local before = work[step]
            work[step] = function(...)
                if step == 'run' then
                    before(...)
                end
                error('boom')
            end
            return work
        end}, {__index = real})
        local report = lib.load('commands.reload', {['reload.pipeline'] = pipeline})(
            {command = 'reload', timeout = 60, modules = {app.name .. '*'}})
        t:is(report.outcome, 'reloaded', step .. ': outcome')
        t:ok(lib.mentions(report.warnings, 'boom'), step .. ': warning')
    end
end)

case('leftovers of failed code are found', function(t)
    local app = lib.app({['@'] = 'return {get = function() return "v1" end}'})
    app.require('@')
    -- A table of which nobody knows what it held before.
    local held = {}
    for i = 1, 20000 do
        held[i] = i
    end
    rawset(_G, 'held', held)
    lib.defer(function() rawset(_G, 'held', nil) end)
    app.write('@', 'local M = {get = function() return "bad" end} held.get = M.get error("no")')
    local failed = lib.reload()
    t:is(failed.outcome, 'degraded', 'outcome')
    t:ok(lib.mentions(failed.rollback.left, 'held.get'), 'named')
    local found = lib.load('commands.stale')({timeout = 60})
    t:is(found.outcome, 'stale', 'by stale')
    t:is(found.stale[1].where, 'global held.get', 'where')
    app.write('@', 'return {get = function() return "v2" end}')
    local report = lib.reload()
    t:is(report.outcome, 'reloaded', 'and by the next reload')
    t:is(#report.stale, 1, 'one place')
end)

lib.run()
