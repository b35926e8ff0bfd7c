-- adapters/modules.lua: loads the new generation of modules beside the old one.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.modules')

lib.box()

--- Starts a transaction with the loaded modules of an application.
-- @treturn table adapter, table transaction, function (name) as new code's require
local function begin(app, args)
    local load = lib.loader()
    local catalog = load('code.catalog')
    local txn = lib.transaction(load)
    local choice = catalog.choose(args or {modules = {app.name .. '*'}}, txn.stash)
    for _, module in ipairs(choice.selected) do
        assert(catalog.compile(module, txn.stash))
        txn.ownership:record(module.chunk, module.path)
    end
    local adapter = txn:add(load('adapters.modules').new(txn, choice))
    lib.defer(function() adapter:settle() end)
    return adapter, txn
end

--- Returns a loaded module as code outside the transaction sees it.
local function serving(app, module)
    return lib.elsewhere(function() return app.loaded(module) end)
end

local function commit(txn)
    txn:commit()
    assert(txn.commit_error == nil, txn.commit_error)
end

case('until the commit new code finds new modules and old code the old ones', function(t)
    local app = lib.app({
        ['@.a'] = "return {b = require('@.b'), lazy = function() local b = require('@.b') return b end}",
        ['@.b'] = 'return {1}',
    })
    local old_a, old_b, before = app.require('@.a'), app.loaded('@.b'), require
    app.write('@.b', 'return {2}')
    local adapter, txn = begin(app)
    adapter:load_all({})
    local new_a = adapter:load(app.name .. '.a')
    t:is(new_a.b[1], 2, 'new code at its top')
    t:is(new_a.lazy()[1], 2, 'new code later')
    t:is(lib.elsewhere(old_a.lazy), old_b, 'old code in another fiber')
    t:is(lib.elsewhere(new_a.lazy)[1], 2, 'new code in another fiber')
    t:is(serving(app, '@.a'), old_a, 'package.loaded')
    commit(txn)
    t:is(app.loaded('@.a'), new_a, 'package.loaded after the commit')
    t:is(lib.elsewhere(old_a.lazy), old_b, 'old code that still runs')
    t:is(lib.elsewhere(new_a.lazy)[1], 2, 'new code')
    adapter:settle()
    t:is(lib.elsewhere(old_a.lazy)[1], 2, 'old code, when that has ended')
    t:is(rawget(_G, 'require'), before, 'require is the one it was')
end)

case('modules that old code loads after the commit are seen by all', function(t)
    local app = lib.app({
        ['@.a'] = [[return function(name)
            local value = require(name)
            local seen = package.loaded[name]
            return value, seen
        end]],
    })
    local load = app.require('@.a')
    local adapter, txn = begin(app)
    adapter:load_all({})
    commit(txn)
    app.write('@.late', 'return {}')
    local late = lib.elsewhere(load, app.name .. '.late')
    t:is(app.loaded('@.late'), late, 'a module that nobody had')
    app.write('@.shared', 'return {}')
    local shared = app.require('@.shared')
    t:is(lib.elsewhere(load, app.name .. '.shared'), shared, 'what others have loaded is for old code, too')
    adapter:settle()
    t:is(app.loaded('@.late'), late, 'it stays')
end)

case('a rollback leaves the old generation unchanged', function(t)
    local app = lib.app({['@.a'] = "return require('@.b')", ['@.b'] = 'return {1}'})
    local old = app.require('@.a')
    local before = require
    local adapter, txn = begin(app)
    adapter:load_all({})
    txn.undo()
    t:is(require, before, 'require')
    t:is(app.loaded('@.a'), old, 'a')
    t:is(app.loaded('@.b'), old, 'b')
end)

case('a module runs once, gets its name, and is kept whatever it returns', function(t)
    rawset(_G, 'adapters_modules_runs', {})
    lib.defer(function() rawset(_G, 'adapters_modules_runs', nil) end)
    local app = lib.app({
        ['@.none'] = "table.insert(adapters_modules_runs, (...))",
        ['@.no'] = "table.insert(adapters_modules_runs, (...)) return false",
        ['@.text'] = "table.insert(adapters_modules_runs, (...)) return 'text'",
        ['@.all'] = "require('@.none') require('@.no') require('@.text') require('@.none') require('@.text')",
    })
    app.require('@.all')
    rawset(_G, 'adapters_modules_runs', {})
    local adapter, txn = begin(app)
    adapter:load_all({})
    table.sort(adapters_modules_runs) -- luacheck: ignore
    t:is(table.concat(adapters_modules_runs, ' '), -- luacheck: ignore
        ('@.no @.none @.text'):gsub('@', app.name), 'each once')
    commit(txn)
    t:is(app.loaded('@.none'), true, 'nothing is true')
    t:is(app.loaded('@.no'), false, 'false')
    t:is(app.loaded('@.text'), 'text', 'text')
end)

case('modules are loaded in the given order, after their dependencies', function(t)
    rawset(_G, 'adapters_modules_runs', {})
    lib.defer(function() rawset(_G, 'adapters_modules_runs', nil) end)
    local files = {}
    for _, name in ipairs({'a', 'b', 'c', 'd'}) do
        files['@.' .. name] = "table.insert(adapters_modules_runs, (...):match('%a$'))"
    end
    files['@.c'] = "require('@.d') " .. files['@.c']
    local app = lib.app(files)
    for _, name in ipairs({'a', 'b', 'c', 'd'}) do
        app.require('@.' .. name)
    end
    rawset(_G, 'adapters_modules_runs', {})
    local adapter = begin(app)
    adapter:load_all({app.name .. '.c'})
    t:is(table.concat(adapters_modules_runs), 'dcab', 'order') -- luacheck: ignore
end)

case('a circle of modules fails as with require', function(t)
    local app = lib.app({['@.a'] = 'return {}', ['@.b'] = 'return {}'})
    app.require('@.a')
    app.require('@.b')
    app.write('@.a', "return {require('@.b')}")
    app.write('@.b', "return {require('@.a')}")
    local adapter = begin(app)
    local ok, err = pcall(adapter.load_all, adapter, {})
    t:ok(not ok, 'fails')
    t:like(tostring(err), 'loop or previous error', 'says so')
    t:is(err.code, 'load_error', 'code')
end)

case('a module that sets its own package.loaded entry can be required in a circle', function(t)
    local app = lib.app({
        ['@.a'] = "local M = {version = 1} package.loaded[...] = M M.b = require('@.b') return M",
        ['@.b'] = "return {a = require('@.a')}",
    })
    local old = app.require('@.a')
    app.write('@.a', "local M = {version = 2} package.loaded[...] = M M.b = require('@.b') return M")
    local adapter, txn = begin(app)
    local ok, err = pcall(adapter.load_all, adapter, {})
    t:ok(ok, 'loads: ' .. tostring(err))
    t:is(serving(app, '@.a'), old, 'the old one serves')
    if ok then
        commit(txn)
        t:is(app.loaded('@.a').version, 2, 'a')
        t:is(app.loaded('@.b').a, app.loaded('@.a'), 'a of b')
    end
end)

case('a module that sets its own package.loaded entry may return nothing', function(t)
    local app = lib.app({['@.a'] = 'package.loaded[...] = {version = 1}'})
    local old = app.require('@.a')
    app.write('@.a', 'package.loaded[...] = {version = 2}')
    local adapter, txn = begin(app)
    adapter:load_all({})
    t:is(serving(app, '@.a'), old, 'old before the commit')
    commit(txn)
    t:is(app.loaded('@.a').version, 2, 'new after it')
end)

case('old code finds old modules while such a module is loading', function(t)
    local app = lib.app({['@.a'] = 'return {1}'})
    local old = app.require('@.a')
    app.write('@.a', "package.loaded[...] = {2} require('fiber').sleep(0.01) return package.loaded[...]")
    local adapter, txn = begin(app)
    local seen
    fiber.create(function()
        fiber.sleep(0)
        seen = require(app.name .. '.a')
    end)
    adapter:load_all({})
    t:is(seen[1], 1, 'old code meanwhile')
    t:is(serving(app, '@.a'), old, 'afterwards')
    txn.undo()
end)

case('module() does not write into the old module', function(t)
    local app = lib.app({['@.a'] = 'module(..., package.seeall) version = 1'})
    lib.defer(function() rawset(_G, app.name, nil) end)
    local old = app.require('@.a') or app.loaded('@.a')
    t:is(old.version, 1, 'old')
    app.write('@.a', 'module(..., package.seeall) version = 2')
    local adapter, txn = begin(app)
    pcall(adapter.load_all, adapter, {})
    t:is(old.version, 1, 'old one is as it was')
    txn.undo()
    t:is(old.version, 1, 'also after the rollback')
end)

case('new code finds new modules in package.loaded', function(t)
    local app = lib.app({
        ['@.a'] = 'return {1}',
        ['@.z'] = "require('@.a') return {a = package.loaded['@.a']}",
    })
    app.require('@.z')
    app.write('@.a', 'return {2}')
    local adapter, txn = begin(app)
    adapter:load_all({})
    commit(txn)
    t:is(app.loaded('@.z').a[1], 2, 'z has the new a')
end)

case('an error at the top of a module fails with module, message and traceback', function(t)
    local app = lib.app({['@.a'] = "require('@.b')", ['@.b'] = 'return 1'})
    app.require('@.a')
    app.write('@.b', "local function deep()\n error('boom')\nend\ndeep()")
    local adapter, txn = begin(app)
    local ok, err = pcall(adapter.load_all, adapter, {app.name .. '.a'})
    t:ok(not ok, 'fails')
    t:is(err.code, 'load_error', 'code')
    t:is(err.phase, 'load', 'phase')
    t:is(err.module, app.name .. '.b', 'the module where it happened')
    t:is(err.message, app.path('@.b') .. ':2: boom', 'text')
    t:like(err.traceback, 'deep', 'traceback')
    txn.undo()
end)

case('any value can be raised at the top of a module', function(t)
    for _, value in ipairs({'nil', 'false', '42', '{1}', 'print',
        "setmetatable({}, {__eq = function() error('eq') end})"}) do
        local app = lib.app({['@.a'] = 'return 1', ['@.z'] = "require('@.a')"})
        app.require('@.z')
        app.write('@.a', ('error(%s)'):format(value))
        local adapter, txn = begin(app)
        local ok, err = pcall(adapter.load_all, adapter, {app.name .. '.z'})
        t:ok(not ok and type(err) == 'table' and err.code == 'load_error', 'error ' .. value)
        t:is(not ok and type(err) == 'table' and err.module, app.name .. '.a', 'the module')
        txn.undo()
    end
end)

case('new code may catch the error of a missing module', function(t)
    local app = lib.app({['@.a'] = 'return {}'})
    app.require('@.a')
    app.write('@.a', "return {pcall(require, '@.optional')}")
    local adapter = begin(app)
    adapter:load_all({})
    local result = adapter:load(app.name .. '.a')
    t:is(result[1], false, 'fails')
    t:like(tostring(result[2]), "module '" .. app.name .. ".optional' not found", 'in the words of require')
end)

case('a module that old code did not have is staged', function(t)
    local app = lib.app({['@.a'] = 'return {}'})
    app.require('@.a')
    app.write('@.a', "return require('@.fresh')")
    app.write('@.fresh', 'return {3}')
    local adapter, txn = begin(app)
    adapter:load_all({})
    t:is(serving(app, '@.fresh'), nil, 'not there before the commit')
    t:is(adapter.added[1].name, app.name .. '.fresh', 'reported')
    t:ok(adapter.added[1].changed, 'as changed')
    commit(txn)
    t:is(app.loaded('@.fresh')[1], 3, 'there after it')
end)

case('a syntax error in a module that was not selected is an error of require', function(t)
    local app = lib.app({['@.a'] = 'return {}'})
    app.require('@.a')
    app.write('@.a', "return require('@.fresh')")
    app.write('@.fresh', 'local = 3')
    local adapter = begin(app)
    local ok, err = pcall(adapter.load_all, adapter, {})
    t:ok(not ok, 'fails')
    t:like(tostring(err), 'error loading module', 'words')
    t:ok(tostring(err):find(app.path('@.fresh') .. ':1:', 1, true), 'file and line')
end)

case('a module whose file is gone is hidden from new code and removed at the commit', function(t)
    local app = lib.app({['@.a'] = "require('@.b')", ['@.b'] = 'return {f = function() end}'})
    app.require('@.a')
    app.remove('@.b')
    local adapter, txn = begin(app)
    local ok, err = pcall(adapter.load_all, adapter, {})
    t:ok(not ok, 'still required: fails')
    t:like(tostring(err), 'not found', 'words')
    txn.undo()
    app.write('@.a', 'return {}')
    adapter, txn = begin(app)
    adapter:load_all({})
    t:ok(serving(app, '@.b') ~= nil, 'there before the commit')
    commit(txn)
    t:is(app.loaded('@.b'), nil, 'not after it')
end)

case('a module that is only a tail call finds new modules', function(t)
    local app = lib.app({
        ['@.front'] = "return require('@.impl')",
        ['@.impl'] = 'return {1}',
        ['@.lazy'] = "return {get = function() return require('@.impl') end}",
    })
    app.require('@.front')
    local old_lazy = app.require('@.lazy')
    app.write('@.impl', 'return {2}')
    local adapter, txn = begin(app)
    adapter:load_all({})
    t:is(adapter:load(app.name .. '.front')[1], 2, 'a module')
    t:is(adapter:load(app.name .. '.lazy').get()[1], 2, 'a function')
    t:is(lib.elsewhere(old_lazy.get)[1], 1, 'old code meanwhile')
    commit(txn)
    t:is(app.loaded('@.front')[1], 2, 'after the commit')
end)

case('modules that old code loads during the reload are old and removed at the commit', function(t)
    local app = lib.app({
        ['@.a'] = "return {lazy = function() local x = require('@.late') return x end}",
        ['@.late'] = 'return {}',
    })
    local old = app.require('@.a')
    local adapter, txn = begin(app)
    adapter:load_all({})
    t:ok(lib.elsewhere(old.lazy) ~= nil, 'loaded by old code')
    commit(txn)
    t:is(app.loaded('@.late'), nil, 'gone: new code loads it anew')
end)

case('a rollback restores loaders, preloaded modules and paths', function(t)
    local app = lib.app({['@.a'] = 'return {}'})
    app.require('@.a')
    app.write('@.a', [[
        table.insert(package.loaders, 1, function() end)
        package.preload['@.pre'] = function() end
        package.path = 'x;' .. package.path
        package.cpath = 'x;' .. package.cpath
        package.loaded['@.alias'] = {f = function() end}
    ]])
    local loaders, path, cpath = table.copy(package.loaders), package.path, package.cpath
    local adapter, txn = begin(app)
    adapter:load_all({})
    txn.undo()
    t:is(#package.loaders, #loaders, 'number of loaders')
    t:is(package.loaders[1], loaders[1], 'first loader')
    t:is(package.preload[app.name .. '.pre'], nil, 'preload')
    t:is(package.path, path, 'path')
    t:is(package.cpath, cpath, 'cpath')
    t:is(app.loaded('@.alias'), nil, 'what new code put into package.loaded under another name')
end)

case('a module may yield, use coroutines, and require what another fiber is loading', function(t)
    local app = lib.app({
        ['@.a'] = "require('fiber').sleep(0) return {b = coroutine.wrap(function() return require('@.b') end)()}",
        ['@.b'] = "require('fiber').sleep(0) return {2}",
    })
    app.require('@.a')
    local adapter, txn = begin(app)
    local ok, err = pcall(adapter.load_all, adapter, {})
    t:ok(ok, 'loads: ' .. tostring(err))
    commit(txn)
    t:is(app.loaded('@.a').b, app.loaded('@.b'), 'and is one')
end)

case('package.loaded is the same table after a commit and after a rollback', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local app = lib.app({['@.a'] = 'return {1}', ['@.rock'] = 'return {}'})
        app.require('@.a')
        local count, mt = 0, getmetatable(package.loaded)
        for _ in pairs(package.loaded) do
            count = count + 1
        end
        local adapter, txn = begin(app)
        adapter:load_all({})
        t:is(serving(app, '@.a')[1], 1, ends .. ': old code finds it meanwhile')
        t:is(lib.elsewhere(function() return require(app.name .. '.a') end)[1], 1, ends .. ': by require too')
        txn[ends](txn)
        for _ in pairs(package.loaded) do
            count = count - 1
        end
        t:is(count, 0, ends .. ': as many names')
        t:is(getmetatable(package.loaded), mt, ends .. ': metatable')
        t:is(rawget(package.loaded, app.name .. '.a')[1], 1, ends .. ': the module')
    end
end)

case('old code may unload and load a module during the reload', function(t)
    local app = lib.app({['@.a'] = 'return {1}'})
    local old = app.require('@.a')
    local adapter, txn = begin(app)
    adapter:load_all({})
    lib.elsewhere(function()
        package.loaded[app.name .. '.a'] = nil
        return require(app.name .. '.a')
    end)
    t:isnt(serving(app, '@.a'), old, 'it has loaded it anew')
    t:is(serving(app, '@.a')[1], 1, 'and finds it')
    txn.undo()
    t:ok(app.loaded('@.a') ~= nil, 'there after the rollback')
end)

case('modules that were not selected do not run', function(t)
    local app = lib.app({['@.a'] = 'return {1}', ['@.b'] = 'return {1}'})
    app.require('@.a')
    local old_b = app.require('@.b')
    local adapter, txn = begin(app, {modules = {app.name .. '.a'}})
    app.write('@.b', 'return {2}')
    adapter:load_all({})
    commit(txn)
    t:is(app.loaded('@.b'), old_b, 'the module that was not chosen')
end)

--- Runs code with `require` and `loadfile` that a rock has kept in variables.
local function rock(text)
    return assert(loadstring('local require, loadfile = require, loadfile ' .. text, '=rock'))()
end

case('new code may unload and load again a module that was loaded already', function(t)
    local app = lib.app({
        ['@.config'] = 'return {}',
        ['@.a'] = "package.loaded['@.config'] = nil return require('@.config')",
        ['@.b'] = "package.loaded['@.config'] = nil return require('@.config')",
    })
    app.require('@.a')
    app.require('@.b')
    local old_a, old_config = app.loaded('@.a'), app.loaded('@.config')
    local adapter, txn = begin(app)
    adapter:load_all({})
    local a, b = adapter.view:find(app.name .. '.a'), adapter.view:find(app.name .. '.b')
    t:is(type(a), 'table', 'it is there')
    t:is(type(b), 'table', 'for the other too')
    t:isnt(a, b, 'as at start')
    t:isnt(a, old_a, 'of the new code')
    t:is(serving(app, '@.config'), old_config, 'serving code keeps its own')
    commit(txn)
    t:is(app.loaded('@.config'), b, 'the last one')
end)

case('a module that new code has unloaded is not loaded after the commit', function(t)
    local app = lib.app({['@.a'] = 'return {}', ['@.z'] = "package.loaded['@.a'] = nil return {}"})
    app.require('@.a')
    app.require('@.z')
    app.require('@.a')
    local adapter, txn = begin(app)
    adapter:load_all({})
    t:ok(serving(app, '@.a') ~= nil, 'serving code keeps it')
    commit(txn)
    t:is(app.loaded('@.a'), nil, 'gone')
end)

case('new code may unload and load again a module that was not selected', function(t)
    local app = lib.app({['@.a'] = 'return {1}', ['@.b'] = 'return {1}'})
    app.require('@.a')
    local old_b = app.require('@.b')
    app.write('@.a', "package.loaded['@.b'] = nil return require('@.b')")
    app.write('@.b', 'return {2}')
    local adapter, txn = begin(app, {modules = {app.name .. '.a'}})
    adapter:load_all({})
    t:is(adapter.view:find(app.name .. '.a')[1], 2, 'new code')
    t:is(serving(app, '@.b'), old_b, 'serving code')
    txn.undo()
    t:is(app.loaded('@.b'), old_b, 'and it stays if the reload fails')
end)

local function names_of(app, list)
    local names = {}
    for name in pairs(list) do
        if tostring(name):find(app.name, 1, true) then
            table.insert(names, (name:gsub('^' .. app.name, '@')))
        end
    end
    table.sort(names)
    return table.concat(names, ' ')
end

case('iterating over package.loaded shows each generation its own modules', function(t)
    local app = lib.app({
        ['@.a'] = 'return {}',
        ['@.b'] = 'return {}',
        ['@.c'] = 'local names = {} for name in pairs(package.loaded) do names[name] = true end return names',
    })
    app.require('@.a')
    app.require('@.b')
    app.require('@.c')
    app.write('@.b', "require('@.fresh') return {}")
    app.write('@.fresh', 'return {}')
    local adapter, txn = begin(app)
    adapter:load_all({})
    local function serving_names()
        return lib.elsewhere(function() return names_of(app, package.loaded) end)
    end
    t:is(serving_names(), '@.a @.b @.c', 'serving code')
    t:is(lib.elsewhere(function() return rawget(package.loaded, 'fiber') end), fiber, 'raw access')
    t:is(lib.elsewhere(function() return next(package.loaded) ~= nil end), true, 'next')
    local seen = adapter.view:find(app.name .. '.c')
    t:is(names_of(app, seen), '@.a @.b @.c @.fresh', 'new code at its top')
    t:ok(seen.fiber, 'and the libraries')
    commit(txn)
    t:is(names_of(app, package.loaded), '@.a @.b @.c @.fresh', 'everybody after the commit')
    adapter:settle()
    t:is(names_of(app, package.loaded), '@.a @.b @.c @.fresh', 'and when no old code runs any more')
    t:is(getmetatable(package), nil, 'package has no metatable')
    t:is(rawget(package, 'loaded'), debug.getregistry()._LOADED, 'and the table of require')
end)

case('code that keeps package.loaded during the reload has the real table afterwards', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local app = lib.app({['@.a'] = 'local loaded = package.loaded return function() return loaded end'})
        app.require('@.a')
        local adapter, txn = begin(app)
        adapter:load_all({})
        local new = adapter.view:find(app.name .. '.a')()
        local old = lib.elsewhere(function() return package.loaded end)
        txn[ends](txn)
        for label, list in pairs({new = new, old = old}) do
            t:is(list.fiber, fiber, ('%s: %s reads'):format(ends, label))
            list[app.name .. '.late'] = 7
            t:is(app.loaded('@.late'), 7, ('%s: %s writes'):format(ends, label))
            package.loaded[app.name .. '.late'] = nil
            t:is(list[app.name .. '.late'], nil, ('%s: %s sees others write'):format(ends, label))
        end
    end
end)

case('code loaded by the require of a rock is new code', function(t)
    local load = rock('return function(name) return require(name) end')
    local app = lib.app({['@.a'] = 'return {}', ['@.part'] = 'return {f = function() end}'})
    app.require('@.a')
    app.require('@.part')
    rawset(_G, 'modules_test_load', load)
    lib.defer(function() rawset(_G, 'modules_test_load', nil) end)
    local text = "modules_test_load('@.part') return {late = function() return modules_test_load('@.late') end}"
    app.write('@.a', text)
    app.write('@.late', 'return {f = function() end}')
    local old = app.loaded('@.part')
    local adapter, txn = begin(app)
    adapter:load_all({})
    local part = adapter.view:find(app.name .. '.part')
    t:isnt(part, old, 'loaded anew')
    t:ok(txn.ownership:is_new(part.f), 'its functions are new')
    t:is(lib.elsewhere(function() return load(app.name .. '.part') end), old, 'serving code finds its own by it')
    local late = adapter.view:find(app.name .. '.a').late()
    t:ok(txn.ownership:is_new(late.f), 'a module that was not loaded before')
    t:is(adapter.added[1].name, app.name .. '.late', 'is reported')
end)

case('a module that failed once may be required again', function(t)
    local app = lib.app({['@.a'] = 'return {}'})
    app.require('@.a')
    app.write('@.a', "local first = pcall(require, '@.b') return {first, require('@.b')}")
    app.write('@.b', "adapters_modules_tries = (adapters_modules_tries or 0) + 1 "
        .. "if adapters_modules_tries == 1 then error('boom') end return 7")
    rawset(_G, 'adapters_modules_tries', nil)
    lib.defer(function() rawset(_G, 'adapters_modules_tries', nil) end)
    local adapter = begin(app)
    adapter:load_all({})
    t:is_deeply(adapter.view:find(app.name .. '.a'), {false, 7}, 'and loads')
end)

case('the loaders are removed after the reload', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local app = lib.app({['@.a'] = 'return {require = require, loaders = package.loaders}'})
        app.require('@.a')
        local loaders, before = table.copy(package.loaders), require
        local adapter, txn = begin(app)
        adapter:load_all({})
        t:is(adapter.view:find(app.name .. '.a').require, before, ends .. ': new code gets the real require')
        txn[ends](txn)
        adapter:settle()
        t:is_deeply(package.loaders, loaders, ends .. ': package.loaders')
        local count = 0
        for _ in pairs(txn.ownership.protos) do count = count + 1 end
        assert(loadstring('return function() end'))
        for _ in pairs(txn.ownership.protos) do count = count - 1 end
        t:is(count, 0, ends .. ': nothing is recorded any more')
    end
end)

lib.run()
