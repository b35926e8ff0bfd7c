-- Releases behind a symbolic link: the directory from which code was read, and the
-- current target of the link.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('code.release_link')
local fio = require('fio')

local release = lib.load('code.release_link')

--- Creates a directory with these releases, and links to some of them.
local function releases(names, links)
    local top = lib.directory()
    for _, name in ipairs(names) do
        lib.write(fio.pathjoin(top, name, 'app', 'main.lua'), 'return 1')
        lib.write(fio.pathjoin(top, name, 'app', 'util.lua'), 'return 1')
    end
    for link, name in pairs(links) do
        fio.mktree(fio.dirname(fio.pathjoin(top, link)))
        fio.symlink(name, fio.pathjoin(top, link))
    end
    return top
end

--- Returns the modules of an application that was loaded from there.
local function modules(root)
    return {
        {name = 'app.main', path = fio.pathjoin(root, 'app', 'main.lua')},
        {name = 'app.util', path = fio.pathjoin(root, 'app', 'util.lua')},
        {name = 'other', path = '/elsewhere/other.lua'},
    }
end

case('the directory is the one of most modules, with links resolved', function(t)
    local top = releases({'releases/1'}, {current = 'releases/1'})
    local one = fio.pathjoin(top, 'releases', '1')
    t:is(release.root(modules(one)), one, 'as it is')
    t:is(release.root(modules(fio.pathjoin(top, 'current'))), one, 'through a link')
    t:is(release.root({}), nil, 'of nothing there is none')
    t:is(release.root({{name = 'a', path = 'b.lua'}}), nil, 'nor of a name that tells nothing')
end)

case('a link that points to another release now is found', function(t)
    local layouts = {
        {{'releases/1', 'releases/2'}, {current = 'releases/2'}, 'releases/1', 'current', 'releases/2'},
        {{'releases/1', 'releases/2'}, {['releases/current'] = '2'}, 'releases/1', 'releases/current', 'releases/2'},
        {{'shop-1.0.0', 'shop-1.1.0'}, {shop = 'shop-1.1.0'}, 'shop-1.0.0', 'shop', 'shop-1.1.0'},
        {{'r/20240101', 'r/20240202'}, {live = 'r/20240202'}, 'r/20240101', 'live', 'r/20240202'},
        {{'r/0a1b2c3', 'r/ffeedd0'}, {live = 'r/ffeedd0'}, 'r/0a1b2c3', 'live', 'r/ffeedd0'},
        -- A tool may have a link to the release before, too.
        {{'r/1', 'r/2'}, {current = 'r/2', previous = 'r/1'}, 'r/1', 'current', 'r/2'},
        -- A link to a link.
        {{'r/1', 'r/2'}, {current = 'next', next = 'r/2'}, 'r/1', 'current', 'r/2'},
    }
    for i, layout in ipairs(layouts) do
        local names, links, from, link, now = unpack(layout)
        local top = releases(names, links)
        local found, target, root = release.moved(modules(fio.pathjoin(top, from)))
        t:is(found, fio.pathjoin(top, link), ('layout %d: the link'):format(i))
        t:is(target, fio.pathjoin(top, now), ('layout %d: where it leads'):format(i))
        t:is(root, fio.pathjoin(top, from), ('layout %d: where code is read'):format(i))
        t:ok(release.warning(modules(fio.pathjoin(top, from))):find(target, 1, true) ~= nil,
            ('layout %d: what is warned of'):format(i))
    end
end)

case('the current release, and another application, are not reported', function(t)
    local layouts = {
        {{'releases/1', 'releases/2'}, {current = 'releases/2'}, 'releases/2'},
        {{'releases/1', 'releases/2'}, {current = 'releases/2'}, 'current'},
        {{'releases/1'}, {}, 'releases/1'},
        {{'shop', 'billing-1', 'billing-2'}, {billing = 'billing-2'}, 'shop'},
        {{'shop-1', 'billing-2'}, {billing = 'billing-2'}, 'shop-1'},
        {{'r/1', 'r/2'}, {current = 'r/2', previous = 'r/1'}, 'r/2'},
        -- Links that lead nowhere, or in a circle.
        {{'r/1'}, {current = 'r/2', a = 'b', b = 'a'}, 'r/1'},
    }
    for i, layout in ipairs(layouts) do
        local names, links, from = unpack(layout)
        local top = releases(names, links)
        t:is(release.warning(modules(fio.pathjoin(top, from))), nil, ('layout %d'):format(i))
    end
end)

case('links are read only where another release exists', function(t)
    local asked = {}
    local spy = setmetatable({readlink = function(path)
        asked[path] = true
        return fio.readlink(path)
    end}, {__index = fio})
    local spied = lib.load('code.release_link', {fio = spy})
    -- In a directory of its own: those of other tests have similar names.
    local top = fio.pathjoin(releases({'sites/shop'}, {['sites/live'] = 'shop'}), 'sites')
    t:is(spied.moved(modules(fio.pathjoin(top, 'shop'))), nil, 'nothing has moved')
    t:is(asked[fio.pathjoin(top, 'live')], nil, 'one application: no link is read')
    top = releases({'shop-1', 'shop-2'}, {live = 'shop-2'})
    t:is(spied.moved(modules(fio.pathjoin(top, 'shop-1'))), fio.pathjoin(top, 'live'), 'another release: the link')
    t:is(asked[fio.pathjoin(top, 'live')], true, 'which is read')
end)

case('code in a directory below the release counts as of it', function(t)
    local top = releases({'r/1/src', 'r/2/src'}, {current = 'r/2'})
    local link, now, root = release.moved(modules(fio.pathjoin(top, 'r', '1', 'src')))
    t:is(link, fio.pathjoin(top, 'current'), 'the link')
    t:is(now, fio.pathjoin(top, 'r', '2'), 'where it leads')
    t:is(root, fio.pathjoin(top, 'r', '1', 'src'), 'where code is read')
end)

case('the working directory at the start tells of a link elsewhere', function(t)
    local top = releases({'r/1', 'r/2'}, {})
    local far = lib.directory()
    fio.symlink(fio.pathjoin(top, 'r', '2'), fio.pathjoin(far, 'live'))
    local before = os.getenv('PWD')
    lib.defer(function() os.setenv('PWD', before) end) -- luacheck: ignore
    os.setenv('PWD', fio.pathjoin(far, 'live')) -- luacheck: ignore
    t:is(release.moved(modules(fio.pathjoin(top, 'r', '1'))), fio.pathjoin(far, 'live'), 'which has moved')
    t:is(release.moved(modules(fio.pathjoin(top, 'r', '2'))), nil, 'or not')
end)

lib.run()
