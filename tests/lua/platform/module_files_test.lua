-- platform/module_files.lua: where `require` finds the file of a module.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.module_files')

local module_files = lib.load('platform.module_files')

--- Replaces the loaders of files with one of Tarantool that searches these
-- directories.
local function use_directories(...)
    local tried = {}
    for _, directory in ipairs({...}) do
        for _, ending in ipairs({'.lua', '/init.lua'}) do
            table.insert(tried, ("\n\tno file '%s/' .. name .. '%s'"):format(directory, ending))
        end
    end
    local text = ('local name = ... return [[%s]]'):format(table.concat(tried))
    text = text:gsub("' %.%. name %.%. '", ']] .. name .. [[')
    local loaders = package.loaders
    lib.defer(function() package.loaders = loaders end)
    package.loaders = {loaders[1], assert(loadstring(text, '@builtin/loaders.lua'))}
end

case('a module beside the main script is found from another working directory', function(t)
    local app = lib.app({['@.a'] = 'return {}', ['@.init'] = 'return {}'})
    local directory = fio.dirname(fio.dirname(app.path('@.a')))
    local path, root = package.path, package.searchroot()
    lib.defer(function() package.path = path package.setsearchroot(root) end)
    package.path = ''
    package.setsearchroot('/nowhere')
    use_directories('/nowhere', directory)
    t:is(package.search(app.name .. '.a'), nil, 'package.search does not')
    t:is(module_files.search(app.name .. '.a'), app.path('@.a'), 'file')
    t:is(module_files.search(app.name), fio.pathjoin(directory, app.name, 'init.lua'), 'directory')
    t:is(module_files.search(app.name .. '.b'), nil, 'no such file')
    t:is_deeply(module_files.roots(), {'/nowhere', directory}, 'the directories')
end)

case('a module beside the main script comes before the same one in package.path', function(t)
    local app, other = lib.app({['@.a'] = 'return {}'}), lib.app({['@.a'] = 'return {}'})
    use_directories(fio.dirname(fio.dirname(app.path('@.a'))))
    local path = package.path
    lib.defer(function() package.path = path end)
    package.path = fio.dirname(fio.dirname(other.path('@.a'))) .. '/?.lua'
    t:is(module_files.search(app.name .. '.a'), app.path('@.a'), 'as require does')
end)

case('other loaders are not asked', function(t)
    local asked = false
    local loaders = package.loaders
    lib.defer(function() package.loaders = loaders end)
    package.loaders = {loaders[1], function() asked = true return "\n\tno file '/x/cartridge-reload-probe.lua'" end}
    t:is_deeply(module_files.roots(), {}, 'no directories')
    t:is(asked, false, 'not called')
    use_directories('/a?b;c')
    t:is(module_files.search('no.such.module'), nil, 'a directory that no template can name is skipped')
end)

lib.run()
