-- code/catalog.lua: the modules that a reload selects, and their code on disk.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('code.catalog')

local catalog = lib.load('code.catalog')

local function choose(args, stash)
    return catalog.choose(args or {}, stash or {generation = 0, files = {}, names = {}, loads = {}})
end

--- Returns `selected`, or the reason why a module is not reloaded.
local function verdict(choice, name)
    for _, module in ipairs(choice.selected) do
        if module.name == name then
            return 'selected', module.path
        end
    end
    for reason, names in pairs(choice.kept) do
        for _, other in ipairs(names) do
            if other == name then
                return reason
            end
        end
    end
    return nil
end

case('a loaded module with a file outside .rocks is selected, with its file', function(t)
    local app = lib.app({['@.a'] = 'return {}', ['@.b'] = 'return {}'})
    app.require('@.a')
    local choice = choose()
    t:is(verdict(choice, app.name .. '.a'), 'selected', 'loaded')
    t:is(verdict(choice, app.name .. '.b'), nil, 'not loaded')
    t:is(select(2, verdict(choice, app.name .. '.a')), app.path('@.a'), 'path')
end)

case('the file is the one its code was loaded from', function(t)
    local app = lib.app({['@.a'] = 'return {f = function() end}'})
    for label, path in pairs({
        ['doubled slashes'] = app.root .. '//?.lua;',
        ['a dot'] = app.root .. '/./?.lua;',
        ['an init file'] = app.root .. '/?/init.lua;',
    }) do
        local before = package.path
        package.path = path .. before
        lib.write(app.root .. '/' .. app.name .. '/c/init.lua', 'return {f = function() end}')
        for _, name in ipairs({app.name .. '.a', app.name .. '.c'}) do
            package.loaded[name] = nil
            local ok, M = pcall(require, name)
            if ok then
                local _, found = catalog.classify(name, M)
                t:is('@' .. found, debug.getinfo(M.f, 'S').source, label .. ', ' .. name:match('%a$'))
            end
        end
        package.path = before
    end
end)

case('built-in modules are not selected', function(t)
    local choice = choose()
    for _, name in ipairs({'fiber', 'json', 'net.box', 'strict', 'log', 'table', 'box'}) do
        if package.loaded[name] ~= nil then
            t:is(verdict(choice, name), 'builtin', name)
        end
    end
end)

case('a module may have the name of a built-in module of other versions', function(t)
    local app = lib.app({})
    lib.write(app.root .. '/config.lua', 'return {port = 8080, nested = {f = function() end}}')
    if package.loaded.config ~= nil then
        t:skip('this version has a module of that name')
        return
    end
    lib.defer(function() package.loaded.config = nil end)
    require('config')
    t:is(verdict(choose(), 'config'), 'selected', 'config.lua with nothing but data')
end)

case('an unused file with the name of a built-in module is ignored', function(t)
    local app = lib.app({})
    lib.write(app.root .. '/json.lua', 'return {}')
    t:is(verdict(choose(), 'json'), 'builtin', 'json')
end)

case('modules in .rocks are selected only on request', function(t)
    local app = lib.app({})
    local path = package.path
    package.path = app.root .. '/.rocks/share/tarantool/?.lua;' .. path
    lib.write(app.root .. '/.rocks/share/tarantool/' .. app.name .. '/rock.lua', 'return {}')
    local name = app.name .. '.rock'
    require(name)
    t:is(verdict(choose(), name), 'rocks', 'kept')
    t:is(verdict(choose({rocks = true}), name), 'selected', '--rocks')
    t:is(verdict(choose({rocks = true, exclude = {'*.rock'}}), name), 'excluded', '--rocks and --exclude')
    package.path = path
end)

case('modules in package.preload are not selected', function(t)
    local app = lib.app({['@.pre'] = 'return {}'})
    local name = app.name .. '.pre'
    package.preload[name] = function() return {} end
    lib.defer(function() package.preload[name] = nil end)
    require(name)
    t:is(verdict(choose(), name), 'preload', 'although there is a file')
end)

case('a value put into package.loaded by hand is not selected', function(t)
    local app = lib.app({['@.a'] = 'return {f = function() end}'})
    local name = app.name .. '.alias'
    package.loaded[name] = app.require('@.a')
    t:is(verdict(choose(), name), 'no_file', 'alias')
    package.loaded[app.name .. '.data'] = {1, 2}
    t:isnt(verdict(choose(), app.name .. '.data'), 'selected', 'data')
    package.loaded[12] = {}
    lib.defer(function() package.loaded[12] = nil end)
    t:ok(pcall(choose), 'a name that is a number')
end)

case('unusual names in package.loaded are no problem', function(t)
    local names = {'', '.', '..', '%', 'a%b', '/etc/passwd', '?', 'a\0b', ('x'):rep(5000), '\n', '[', '%1'}
    lib.defer(function()
        for _, name in ipairs(names) do
            package.loaded[name] = nil
        end
    end)
    for i, name in ipairs(names) do
        package.loaded[name] = i % 2 == 0 and true or {f = print}
    end
    local ok, choice = pcall(choose)
    t:ok(ok, 'chosen')
    for _, name in ipairs(names) do
        t:isnt(verdict(choice, name), 'selected', ('%q'):format(name:sub(1, 10)))
    end
end)

case('unusual values in package.loaded are no problem', function(t)
    local app = lib.app({['@.a'] = 'return false', ['@.b'] = 'return 5', ['@.c'] = ''})
    app.require('@.a')
    app.require('@.b')
    app.require('@.c')
    package.loaded[app.name .. '.hostile'] = setmetatable({}, {
        __index = function() error('no') end,
        __pairs = function() error('no') end,
    })
    local choice = choose()
    for _, name in ipairs({'a', 'b', 'c'}) do
        t:is(verdict(choice, app.name .. '.' .. name), 'selected', name)
    end
end)

case('a module whose file is gone is recognised by its functions or the registry', function(t)
    local app = lib.app({['@.a'] = 'return {f = function() end}', ['@.b'] = 'return {1}'})
    app.require('@.a')
    app.require('@.b')
    app.remove('@.a')
    app.remove('@.b')
    local choice = choose(nil, {generation = 1, files = {}, loads = {}, names = {[app.name .. '.b'] = app.path('@.b')}})
    t:is(#choice.gone, 2, 'both')
    t:is(choice.gone[1].path, app.path('@.a'), 'path from a function')
    t:is(choice.gone[2].path, app.path('@.b'), 'path from the registry')
    choice = choose({exclude = {'*.a', '*.b'}})
    t:is(#choice.gone, 0, 'unless excluded')
end)

case('a module that is a section of the config has no file', function(t)
    local sections = {['extensions/a.lua'] = 'text'}
    package.loaded['cartridge'] = {}
    package.loaded['cartridge.confapplier'] = {get_active_config = function()
        return {get_plaintext = function(_, name) return sections[name] end}
    end}
    lib.defer(function()
        for _, name in ipairs({'cartridge', 'cartridge.confapplier', 'extensions.a', 'extensions.b'}) do
            package.loaded[name] = nil
        end
    end)
    for _, name in ipairs({'a', 'b'}) do
        package.loaded['extensions.' .. name] = {
            f = assert(loadstring('return 1', ('@extensions/%s.lua'):format(name))),
        }
    end
    local choice = choose()
    t:is(verdict(choice, 'extensions.a'), 'config', 'a section')
    t:is(verdict(choice, 'extensions.b'), 'no_file', 'none')
    package.loaded['cartridge.confapplier'].get_active_config = function() return nil end
    t:is(verdict(choose(), 'extensions.a'), 'no_file', 'no config')
end)

case('an unreadable file is neither missing nor ignored', function(t)
    local app = lib.app({['@.a'] = 'return {f = function() end}', ['@.sub.b'] = 'return {f = function() end}'})
    app.require('@.a')
    app.require('@.sub.b')
    package.loaded['unreadable_test'] = app.require('@.a')
    lib.defer(function() package.loaded['unreadable_test'] = nil end)
    -- Also root cannot read these: a loop of links.
    for _, path in ipairs({app.path('@.a'), (app.path('@.sub.b'):gsub('/b.lua$', ''))}) do
        fio.rmtree(path)
        fio.unlink(path)
        fio.symlink(path, path)
    end
    local choice = choose()
    t:is(#choice.gone, 0, 'not gone')
    for _, name in ipairs({'.a', '.sub.b'}) do
        t:is(verdict(choice, app.name .. name), 'selected', name)
    end
    t:is(verdict(choice, 'unreadable_test'), 'no_file', 'another name of it says nothing')
    for _, module in ipairs(choice.selected) do
        if module.name == app.name .. '.a' then
            local ok, err = catalog.compile(module, {files = {}})
            t:is(ok, nil, 'it cannot be compiled')
            t:like(err, 'Too many levels of symbolic links', 'and the error says why')
        end
    end
end)

case('a file found by a relative path is not missing in another directory', function(t)
    -- As after box.cfg({work_dir = ...}).
    package.loaded['relative_test'] = {f = assert(loadstring('return 1', '@src/relative_test.lua'))}
    lib.defer(function() package.loaded['relative_test'] = nil end)
    local choice = choose()
    t:is(verdict(choice, 'relative_test'), 'no_file', 'it is left alone')
    t:is(#choice.gone, 0, 'and not forgotten')
    choice = choose(nil, {generation = 1, files = {}, loads = {}, names = {relative_test = 'src/relative_test.lua'}})
    t:is(verdict(choice, 'relative_test'), 'no_file', 'nor if it was reloaded before')
end)

case('the former file of a module is known from its functions', function(t)
    local function former(name, source, known)
        local f = assert(loadstring('return function() end', source))()
        local module = {name = name, path = '/srv/app/m/init.lua'}
        return catalog.former_file(module, {{f}, print, sub = {f = f}}, {names = {[name] = known}})
    end
    t:is(former('app.m', '@/srv/app/m.lua'), '/srv/app/m.lua', 'file')
    t:is(former('app.m', '@/srv/1/app/m/init.lua'), '/srv/1/app/m/init.lua', 'directory')
    t:is(former('app.m', '@app/m.lua'), 'app/m.lua', 'relative path')
    t:is(former('m', '@m.lua'), 'm.lua', 'nothing but the name')
    t:is(former('app.m', '@/srv/app/m/init.lua'), nil, 'the same')
    t:is(former('app.m', '@/srv/app/other.lua'), nil, 'of others')
    t:is(former('app.m', '@builtin/app/m.lua'), nil, 'built in')
    t:is(former('app.m', '=app/m.lua'), nil, 'no file')
    t:is(former('app.m', '@/srv/app/m.lua', '/srv/2/app/m.lua'), '/srv/2/app/m.lua', 'one that is known')
    t:is(former('app.m', '@/srv/app/m.lua', '/srv/app/m/init.lua'), nil, 'it is known to be the same')
    t:is(catalog.former_file({name = 'm', path = '/m.lua'}, 7, {names = {}}), nil, 'no functions')
end)

case('a function borrowed from a module of similar name does not tell the file', function(t)
    local app = lib.app({
        ['@'] = 'return {get = require("@.sub.@").get}',
        ['@.sub.@'] = 'return {get = function() return 1 end}',
    })
    local value = app.require('@')
    t:is(value.get(), 1, 'it has it')
    local module = {name = app.name, path = app.path('@')}
    t:is(catalog.former_file(module, value, {names = {}}), nil, 'while that is loaded')
    package.loaded[app.name .. '.sub.' .. app.name] = nil
    t:is(catalog.former_file(module, value, {names = {}}), app.path('@.sub.@'), 'or else it may be one')
end)

case('--module and --exclude narrow the selection', function(t)
    local app = lib.app({['@.a'] = '', ['@.b'] = '', ['@.c.d'] = ''})
    app.require('@.a')
    app.require('@.b')
    app.require('@.c.d')
    local function verdicts(args)
        local choice = choose(args)
        return ('%s %s %s'):format(verdict(choice, app.name .. '.a'), verdict(choice, app.name .. '.b'),
            verdict(choice, app.name .. '.c.d'))
    end
    t:is(verdicts({modules = {'*.a'}}), 'selected not_selected not_selected', '--module')
    t:is(verdicts({modules = {'*.a', '*.d'}}), 'selected not_selected selected', 'two')
    t:is(verdicts({exclude = {app.name .. '.?'}}), 'excluded excluded selected', '--exclude')
    t:is(verdicts({modules = {app.name .. '*'}, exclude = {'*.b'}}), 'selected excluded selected', 'both')
end)

case('globs match as in the shell', function(t)
    local rows = {
        {'*', '', true}, {'*', 'a.b', true}, {'a*', 'a', true}, {'a*', 'ba', false},
        {'a.b', 'a.b', true}, {'a.b', 'axb', false}, {'a?b', 'a.b', true}, {'a?b', 'ab', false},
        {'[abc]', 'b', true}, {'[abc]', 'd', false}, {'[!abc]', 'd', true}, {'[!abc]', 'a', false},
        {'[^abc]', 'd', true}, {'[a-c]', 'b', true}, {'[a-c]', '-', false}, {'[]x]', ']', true},
        {'[]x]', 'x', true}, {'[!]x]', 'y', true}, {'[!]x]', ']', false},
        {'[', '[', true}, {'[a', '[a', true}, {'a]', 'a]', true}, {'[]', '[]', true}, {'[!]', '[!]', true},
        {'[%a]', '%', true}, {'[%a]', 'b', false}, {'%a', 'b', false}, {'%a', '%a', true},
        {'a-b', 'a-b', true}, {'a+', 'aa', false}, {'(a)', '(a)', true}, {'^a$', '^a$', true},
        {'\208\191*', '\208\191x', true}, {'', '', true}, {'', 'a', false},
    }
    for _, row in ipairs(rows) do
        local ok, matches = pcall(function()
            return row[2]:match(catalog.glob_to_pattern(row[1])) ~= nil
        end)
        t:is(ok and matches, row[3], ('%q %s %q'):format(row[1], row[3] and 'matches' or 'does not match', row[2]))
    end
end)

case('names are sorted', function(t)
    local app = lib.app({['@.b'] = '', ['@.a'] = '', ['@.c'] = ''})
    app.require('@.c')
    app.require('@.a')
    app.require('@.b')
    local names = {}
    for _, module in ipairs(choose({modules = {app.name .. '.*'}}).selected) do
        table.insert(names, module.name:match('%a$'))
    end
    t:is(table.concat(names), 'abc', 'selected')
end)

case('a chunk has the path of its file as its name', function(t)
    local app = lib.app({['@.a'] = 'return {f = function() end}'})
    local module = {name = app.name .. '.a', path = app.path('@.a')}
    t:ok(catalog.compile(module, {generation = 0, files = {}}), 'compiles')
    t:is(debug.getinfo(module.chunk().f, 'S').source, '@' .. app.path('@.a'), 'source')
end)

case('a compile error has file and line', function(t)
    local app = lib.app({['@.a'] = 'local x = 1\nlocal = 2\n'})
    local ok, err = catalog.compile({name = app.name .. '.a', path = app.path('@.a')}, {generation = 0, files = {}})
    t:ok(not ok, 'fails')
    t:ok(err:find(app.path('@.a') .. ':2:', 1, true), 'file and line')
end)

case('a file may have a #! line, be empty, or be bytecode', function(t)
    local app = lib.app({
        ['@.shell'] = '#!/usr/bin/env tarantool\nreturn 7',
        ['@.empty'] = '',
        ['@.bom'] = '\239\187\191return 7',
    })
    lib.write(app.path('@.binary'), string.dump(assert(loadstring('return 7', '@x'))))
    for _, name in ipairs({'shell', 'empty', 'bom', 'binary'}) do
        local module = {name = name, path = app.path('@.' .. name)}
        local ok, err = catalog.compile(module, {generation = 0, files = {}})
        t:ok(ok, name .. ' ' .. tostring(err))
        t:is(ok and module.chunk(), name ~= 'empty' and 7 or nil, 'runs')
    end
end)

case('an unreadable file is reported, not raised', function(t)
    local app = lib.app({})
    fio.mktree(app.path('@.dir'))
    local stash = {generation = 0, files = {}}
    local ok, err = catalog.compile({name = 'x', path = app.path('@.dir')}, stash)
    t:ok(not ok and err:find(app.path('@.dir'), 1, true), 'a directory: ' .. tostring(err))
    ok, err = catalog.compile({name = 'x', path = app.path('@.none')}, stash)
    t:ok(not ok and err:find(app.path('@.none'), 1, true), 'nothing: ' .. tostring(err))
end)

case('a changed module is detected by the digest of the serving code', function(t)
    local app = lib.app({['@.a'] = 'return 1'})
    local module = {name = app.name .. '.a', path = app.path('@.a')}
    catalog.compile(module, {generation = 0, files = {}})
    t:is(module.changed, nil, 'generation 0: not known')
    local digest = module.digest
    catalog.compile(module, {generation = 1, files = {[module.path] = digest}})
    t:is(module.changed, false, 'same text')
    app.write('@.a', 'return 2')
    catalog.compile(module, {generation = 1, files = {[module.path] = digest}})
    t:is(module.changed, true, 'other text')
    catalog.compile(module, {generation = 1, files = {}})
    t:is(module.changed, true, 'new')
end)

lib.run()
