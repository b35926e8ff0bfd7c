-- scan/roots.lua: the objects at which the walk starts.

local ffi = require('ffi')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.roots')

lib.box()

local function collect(stubs)
    return lib.load('scan.roots', stubs).collect()
end

local function find(roots, kind, words)
    for i, root in ipairs(roots) do
        if root.kind == kind and (words == nil or root.words:find(words, 1, true)) then
            return root, i
        end
    end
end

case('triggers come first, with a setter', function(t)
    local function old() end
    local function new() end
    local space = box.schema.space.create('roots_test')
    space:create_index('pk')
    lib.defer(function() space:drop() end)
    space:on_replace(old)
    space:before_replace(old)
    box.session.on_connect(old)
    lib.defer(function() box.session.on_connect(nil, new) end)
    local roots = collect()
    for _, label in ipairs({
        'trigger on_replace of space roots_test', 'trigger before_replace of space roots_test',
        'trigger box.session.on_connect',
    }) do
        local root, index = find(roots, 'trigger', label)
        t:ok(root ~= nil and root.value == old, label)
        t:ok(root.is_anchor, 'told even if there is a nearer name')
        t:ok(index < select(2, find(roots, 'global')), 'before the globals')
        root.set(new, old)
    end
    t:is(space:on_replace()[1], new, 'set')
    t:is(space:before_replace()[1], new, 'set')
    t:ok(lib.mentions(box.session.on_connect(), tostring(new)), 'set')
end)

case('fibers are listed by number and name, without the current one', function(t)
    local object = fiber.create(function()
        fiber.name('roots_loop')
        fiber.sleep(100)
    end)
    lib.defer(function() object:cancel() end)
    local roots, hidden = collect()
    t:ok(not lib.mentions(hidden, 'fibers'), 'this build tells')
    local root = find(roots, 'fiber', ('fiber %d "roots_loop"'):format(object:id()))
    t:ok(root ~= nil, 'there')
    t:is(type(root.value), 'thread', 'its coroutine')
    t:is(debug.getinfo(root.value, 1, 'f').func ~= nil, true, 'with its frames')
    t:is(find(roots, 'fiber', ('fiber %d '):format(fiber.id())), nil, 'not the running one')
end)

case('a build that does not expose fibers is reported', function(t)
    local roots, hidden = collect({['platform.fibers'] = {threads = function() return nil end}})
    t:ok(lib.mentions(hidden, 'the fiber ids'), 'is known as such')
    t:is(find(roots, 'fiber'), nil, 'none')
    t:ok(find(roots, 'registry') ~= nil, 'the rest is there')
end)

case('libraries and globals come before the registry', function(t)
    local roots = collect()
    t:is(roots[#roots].value, debug.getregistry(), 'last')
    t:is(find(roots, 'global').value, _G, 'globals')
    for _, name in ipairs({'loaded', 'preload', 'loaders'}) do
        local root = find(roots, 'module', 'package.' .. name)
        t:is(root.value, package[name], name)
        local kind, words = root.first('x')
        t:is(kind, 'module', 'kind')
        t:is(words, ("package.%s['x']"):format(name), 'words')
    end
    local kind, words = find(roots, 'global').first('get')
    t:is(kind .. ' ' .. words, 'global global get', 'field')
    kind, words = roots[#roots].first(7)
    t:is(kind .. ' ' .. words, 'registry Lua registry slot 7', 'slot')
end)

case('unusual keys of package.loaded are listed', function(t)
    local root = find(collect(), 'module', 'package.loaded')
    local key = setmetatable({}, {__tostring = function() error('called') end})
    local ok, kind = pcall(root.first, key)
    t:ok(ok, 'no error: ' .. tostring(kind))
    t:like(select(2, root.first(true)), '^package%.loaded%[.*true.*%]$', 'boolean')
end)

case('metatables of basic types are listed', function(t)
    local before = debug.getmetatable(0)
    debug.setmetatable(0, {__index = {}})
    lib.defer(function() debug.setmetatable(0, before) end)
    local before_function = debug.getmetatable(print)
    debug.setmetatable(print, {__index = {}})
    lib.defer(function() debug.setmetatable(print, before_function) end)
    local roots = collect()
    t:is(find(roots, 'metatable', 'strings').value, debug.getmetatable(''), 'strings')
    t:is(find(roots, 'metatable', 'numbers').value, debug.getmetatable(0), 'numbers')
    t:is(find(roots, 'metatable', 'functions').value, debug.getmetatable(print), 'functions')
    local kind, words = find(roots, 'metatable', 'strings').first('__index')
    t:is(kind .. ' | ' .. words, 'metatable | metatable __index of strings', 'words')
    debug.setmetatable(0, nil)
    t:is(find(collect(), 'metatable', 'numbers'), nil, 'none')
end)

case('tables of the ffi library are listed', function(t)
    ffi.cdef('struct roots_test { int x; };')
    local ctype = ffi.metatype('struct roots_test', {__index = {}})
    local root = find(collect(), 'ctype')
    t:is(type(root.value[-tonumber(ctype)]), 'table', 'the methods of types')
    local kind, words, is_metatable = root.first(-tonumber(ctype))
    t:is(kind, 'ctype', 'kind')
    t:is(words, 'metatype of ctype roots_test', 'words')
    t:is(is_metatable, true, 'and that it is a metatable')
    kind, words = root.first(3)
    t:is(kind .. ' | ' .. words, 'callback | C callback 3', 'callbacks')
    local function finalizer() end
    local object = ffi.gc(ffi.new('int[1]'), finalizer)
    local roots, hidden = collect()
    root = find(roots, 'finalizer')
    t:is(root ~= nil, lib.tells_finalizers(), 'finalizers, where the server tells')
    t:is(lib.mentions(hidden, 'finalizers'), root == nil, 'or that it does not')
    if root ~= nil then
        t:is(root.value[object], finalizer, 'finalizers')
        t:is(select(2, root.first(object)), 'finalizer of a cdata object', 'words')
    end
    kind, words = find(collect(), 'ctype').first(-1e9)
    t:is(kind .. ' | ' .. words, 'ctype | metatype of ctype 1000000000', 'a type that is not there')
end)

case('services of Cartridge are listed', function(t)
    local services = {['shop'] = {get = print}}
    local roots = collect({['platform.cartridge'] = {detect = function()
        return {services = function() return services end}
    end}})
    local root = find(roots, 'service')
    t:is(root.value, services, 'there')
    t:is(table.concat({root.first('shop')}, ' '), 'service service shop', 'words')
    roots = collect({['platform.cartridge'] = {detect = function()
        return {services = function() return nil end}
    end}})
    t:is(find(roots, 'service'), nil, 'none')
    t:is(find(collect(), 'service'), nil, 'no Cartridge')
end)

lib.run()
