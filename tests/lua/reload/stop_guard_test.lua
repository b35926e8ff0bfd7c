-- reload/stop_guard.lua: restores what `stop` of an old role removes of new code.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.stop_guard')

local load = lib.loader()
local KEY = load('scan.heap_walk').KEY

local function new(options)
    return load('reload.stop_guard').new({
        edges = options.edges or {},
        entries = options.entries or {},
        is_new_fiber = options.is_new_fiber or function() return false end,
        is_stopping = function() return true end,
    })
end

case('what stop removes is restored', function(t)
    local function f() end
    local entry, slot = {run = f}, f
    local function get() return slot end
    local names, list, keys, ids = {shop = f}, {'a', entry, 'b'}, {[f] = 'options'}, {[7] = entry}
    local put_back = new({
        edges = {
            {parent = names, key = 'shop', child = f}, {parent = list, key = 2, child = entry},
            {parent = keys, key = KEY, child = f}, {parent = ids, key = 7, child = entry},
            {parent = get, key = 1, child = f},
        },
        entries = {{parent = names, key = 'flag', child = true}},
    }):watch()
    names.shop, keys[f], ids[7], slot = nil, nil, nil, nil
    table.remove(list, 2)
    t:is(put_back(false), 5, 'as many')
    t:is(names.shop, f, 'a name')
    t:is_deeply({list[1], list[2] == entry, list[3]}, {'a', true, 'b'}, 'an entry of a list, at its place')
    t:is(keys[f], 'options', 'a key, with what belongs to it')
    t:is(ids[7], entry, 'a number')
    t:is(get(), f, 'an upvalue')
    t:is(names.flag, nil, 'what was not there before does not come')
end)

case('an entry that has moved in a list is not restored twice', function(t)
    local entry = {}
    local list = {'a', entry}
    local put_back = new({edges = {{parent = list, key = 2, child = entry}}}):watch()
    table.remove(list, 1)
    t:is(put_back(false), 0, 'nothing is missing')
    t:is(#list, 1, 'and nothing is added')
end)

case('in a list with gaps only missing entries are restored', function(t)
    local list, edges = {}, {}
    for index = 1, 8 do
        list[index] = {}
        edges[index] = {parent = list, key = index, child = list[index]}
    end
    local moved, missing, other = list[8], list[1], list[4]
    local put_back = new({edges = edges}):watch()
    list[1], list[2], list[3], list[4] = nil, moved, 0 / 0, nil
    t:is(put_back(false), 4, 'those that are nowhere in it')
    local found = {}
    for _, entry in pairs(list) do
        if type(entry) == 'table' then
            found[entry] = (found[entry] or 0) + 1
        end
    end
    t:is(found[missing], 1, 'the first one')
    t:is(found[other], 1, 'the fourth one')
end)

case('other code may change the same tables while stop runs', function(t)
    local function f() end
    local function other() end
    for _, has_yielded in ipairs({false, true}) do
        local slots, names = {taken = f, empty = f}, {task = 'task'}
        local put_back = new({
            edges = {{parent = slots, key = 'taken', child = f}, {parent = slots, key = 'empty', child = f}},
            entries = {{parent = names, key = 'task', child = 'task'}},
        }):watch()
        slots.taken, slots.empty, names.task = other, nil, nil
        put_back(has_yielded)
        t:is(slots.empty, f, 'an empty slot is filled')
        t:is(slots.taken, has_yielded and other or f, 'one that has something else, if nobody else can have done it')
        t:is(names.task, not has_yielded and 'task' or nil, 'and so are other entries')
    end
end)

case('fibers of new code keep running, while stop sees them as dead', function(t)
    local function work()
        fiber.sleep(100)
    end
    local new_one, old_one = fiber.create(work), fiber.create(work)
    local id = new_one:id()
    local guard = new({is_new_fiber = function(other) return other == id end})
    local before = fiber.cancel
    guard:open()
    t:is(new_one:status(), 'suspended', 'as it is')
    new_one:cancel()
    fiber.kill(id)
    t:is(new_one:status(), 'dead', 'for the one that has cancelled it')
    old_one:cancel()
    fiber.sleep(0)
    t:is(old_one:status(), 'dead', 'others are cancelled')
    guard:close()
    t:is(new_one:status(), 'suspended', 'it is alive')
    t:is(fiber.cancel, before, 'nothing is left behind')
    new_one:cancel()
end)

lib.run()
