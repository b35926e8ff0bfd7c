-- adapters/package_reload.lua: the state of package.reload.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.package_reload')

package.path = fio.abspath('tests/support/fake_cartridge/.rocks/share/tarantool/?.lua') .. ';' .. package.path

lib.box()

local FILE = '/app/init.lua'

--- Creates an application with package.reload, and starts a transaction.
local function begin()
    package.loaded['package.reload'] = nil
    rawset(package, 'reload', nil)
    require('package.reload')
    lib.wait(function() return package.loaded['package.reload'] == nil end)
    local reloader = package.reload
    lib.defer(function() rawset(package, 'reload', nil) end)
    local load = lib.loader()
    local txn = lib.transaction(load)
    local modules = txn:add(load('adapters.modules').new(txn, {selected = {}, gone = {}, kept = {}, select = function()
        return 'rocks'
    end}))
    local adapter = txn:add(load('adapters.package_reload').new(txn, reloader, modules))
    return reloader, txn, adapter
end

local COUNT = 'return package.reload.count'
local REGISTER = 'package.reload:register(...)'

case('package.reload is recognised by its interface', function(t)
    t:is(lib.load('platform.package_reload').detect(), nil, 'not where it is not')
    local reloader, txn = begin()
    txn.undo()
    t:is(lib.load('platform.package_reload').detect(), reloader, 'where it is')
    rawset(package, 'reload', {count = 1})
    t:is(lib.load('platform.package_reload').detect(), nil, 'another thing of that name')
end)

case('new code sees the next reload number, which applies from the commit on', function(t)
    local reloader, txn = begin()
    t:is(txn.code(COUNT, FILE)(), 2, 'new code')
    t:is(lib.elsewhere(lib.old_code(COUNT, FILE)), 1, 'others')
    txn:commit()
    t:is(reloader.count, 2, 'then all')
    t:is(rawget(reloader, 'count'), 2, 'it is a field again')
    t:is(tostring(reloader), 'package.reload{}', 'and the metatable is what it was')
end)

case('requiring package.reload ends nothing and can be repeated', function(t)
    local reloader, txn = begin()
    local ended = 0
    lib.elsewhere(lib.old_code(REGISTER, FILE), function() ended = ended + 1 end)
    t:is(txn.code('return require("package.reload")', FILE)(), reloader, 'new code gets it')
    t:is(ended, 0, 'old code is not ended')
    txn:commit()
    t:is(package.loaded['package.reload'], nil, 'the next require runs it')
    require('package.reload')
    t:is(reloader.count, 3, 'as it does')
end)

case('new code has its own registries', function(t)
    local reloader, txn, adapter = begin()
    local old, new, object = function() end, function() end, {destroy = function() end}
    lib.elsewhere(lib.old_code(REGISTER, FILE), old)
    txn.code(REGISTER, FILE)(new)
    txn.code(REGISTER, FILE)(object)
    txn.code(REGISTER, FILE)(new, 1, 2, 3)
    t:is(lib.elsewhere(function() return reloader.F[new] end), nil, 'nobody sees them')
    txn:commit()
    t:is(reloader.F[new], new, 'until the commit')
    t:is(reloader.F[old], nil, 'the old ones are out')
    t:is(#adapter.destructors, 1, 'they are to be called')
    t:is(adapter.destructors[1].f, old, 'each')
    local list = lib.load('platform.package_reload').destructors(reloader)
    t:is(#list, 3, 'and so are the new ones next time')
    for _, item in ipairs(list) do
        if #item.arguments > 1 then
            t:is_deeply(item.arguments, {1, 2, 3}, 'with their arguments')
        elseif #item.arguments == 1 then
            t:is(item.arguments[1], object, 'with the object')
        end
    end
end)

case('a rollback restores numbers and registries', function(t)
    local reloader, txn = begin()
    local old = function() end
    lib.elsewhere(lib.old_code(REGISTER, FILE), old)
    txn.code(REGISTER, FILE)(function() end)
    txn.code('package.reload.main = "app"', FILE)()
    txn.undo()
    t:is(reloader.count, 1, 'the number')
    t:is(reloader.F[old], old, 'what was registered')
    t:is(next(reloader.F, old), nil, 'and nothing else')
    t:is(reloader.main, nil, 'and what new code has set')
    t:is(tostring(reloader), 'package.reload{}', 'and its metatable')
end)

case('what serving code registers during the reload belongs to the old generation', function(t)
    local _, txn, adapter = begin()
    local late = function() end
    lib.elsewhere(lib.old_code(REGISTER, FILE), late)
    txn:commit()
    t:is(adapter.destructors[1].f, late, 'it is to be called')
end)

case('package.reload cannot be called during a reload', function(t)
    local reloader, txn = begin()
    t:ok(not pcall(lib.elsewhere, reloader), 'an error')
    txn.undo()
end)

case('loops that compare the reload number are recognised', function(t)
    local reloader, txn, adapter = begin()
    local function watches(text)
        return adapter:is_watched_by(lib.old_code(text, FILE)(reloader)) and true or false
    end
    t:ok(watches('return function() while package.reload.count == 1 do end end'), 'by the global')
    t:ok(watches('local r = ... return function() while r.count == 1 do end end'), 'by a local variable')
    t:ok(not watches('local r = ... return function() return r end'), 'not by the module alone')
    t:ok(not watches('return function() return package.loaded.count end'), 'nor by another count')
    txn.undo()
end)

lib.run()
