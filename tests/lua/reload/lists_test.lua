-- reload/lists.lua: operations on lists that other code may be iterating over.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.lists')
local lists = lib.load('reload.lists')

--- Returns two closures of the same code.
local function pair()
    local made = {}
    for i = 1, 2 do
        made[i] = function() return i end
    end
    return made[1], made[2]
end

case('closures of the same code are equivalent, and tables with such closures', function(t)
    local a, b = pair()
    t:ok(lists.is_equivalent(a, b), 'closures')
    t:ok(not lists.is_equivalent(a, function() return 1 end), 'not closures of other code')
    t:ok(lists.is_equivalent({f = a, id = 1}, {f = b, id = 2}), 'tables whose functions are equivalent')
    t:ok(not lists.is_equivalent({f = a}, {g = b}), 'not with the function in another field')
    t:ok(not lists.is_equivalent({id = 1}, {id = 1}), 'not tables without a function')
    local same = {}
    t:ok(lists.is_equivalent(same, same), 'the same object')
    t:is(lists.count_equivalents({a, b, print, {a}}, a), 2, 'count of equivalents in a list')
end)

case('an entry is found at the index to which it has moved', function(t)
    local a, b = {}, {}
    t:is(lists.index_of({a, b}, 2, b), 2, 'at its index')
    t:is(lists.index_of({a, b}, 1, b), 2, 'at another index')
    t:is(lists.index_of({a}, 2, b), nil, 'not if it has gone')
    t:is(lists.index_of({x = b}, 'x', b), 'x', 'under a name')
    t:is(lists.index_of({y = b}, 'x', b), nil, 'a name does not move')
end)

case('closing a gap moves later entries down', function(t)
    local list = {'a', 'b', 'c', name = 'n'}
    lists.close_gap(list, 2)
    t:is_deeply(list, {'a', 'c', name = 'n'}, 'the last index is free')
end)

for _, item in ipairs({
    {'pairs', function(list) for _ in pairs(list) do fiber.sleep(100) end end},
    {'ipairs', function(list) for _ in ipairs(list) do fiber.sleep(100) end end},
    {'next', function(list) for _ in next, list do fiber.sleep(100) end end},
    {'a numeric loop', function(list) for i = 1, #list do fiber.sleep(100) print(list[i]) end end},
}) do
    case('a list is in use while a fiber runs a loop over it with ' .. item[1], function(t)
        local list = {1, 2, 3}
        local looping = fiber.create(item[2], list)
        t:ok(lists.is_in_use(list), 'in use')
        t:ok(not lists.is_in_use({1}), 'another list is not')
        looping:cancel()
        lib.wait(function() return looping:status() == 'dead' end)
        t:ok(not lists.is_in_use(list), 'not after the end of the loop')
    end)
end

case('a list in an upvalue of a numeric loop is in use', function(t)
    local list = {1, 2, 3}
    local looping = fiber.create(function()
        for i = 1, #list do
            fiber.sleep(100)
            print(list[i])
        end
    end)
    t:ok(lists.is_in_use(list), 'in use')
    looping:cancel()
end)

lib.run()
