-- reload/sweep.lua: removes failed code that is still registered in rocks.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.sweep')

lib.box()

-- A rock that keeps functions in each possible way.
local BUS = [[
    local fiber = require('fiber')
    local create = fiber.create
    local hook
    local M = {list = {}, first = {}, map = {}, keys = {}, objects = {}, by_name = {}, large = {}, class = {}}
    for i = 1, 20000 do M.large[i] = i end
    function M.set(f) hook = f end
    function M.fire() return hook and hook() end
    function M.on(f) table.insert(M.list, f) end
    function M.on_first(f) table.insert(M.first, 1, f) end
    function M.key(f) M.keys[f] = true end
    function M.wrap(name, f) M.map[name] = function(...) return f(...) end end
    function M.object(name, f)
        local object = {fn = f, name = name}
        table.insert(M.objects, object)
        M.by_name[name] = object
    end
    function M.iterate(f) M.iterator = coroutine.wrap(function() while true do coroutine.yield(f()) end end)
        M.iterator()
    end
    function M.inherit(f) setmetatable(M.class, {__call = f}) end
    local members = {__index = {fire = function(self) return self.f() end}}
    local outdated = {__index = {fire = function() error('outdated') end}}
    function M.configure(name, f)
        for _, member in pairs(M.pool and M.pool.members or {}) do
            setmetatable(member, outdated)
            member.f = nil
        end
        M.pool = {members = {setmetatable({f = f, calls = 0, name = name}, members)}}
    end
    local function loop(f) fiber.name('bus_loop') while true do pcall(f) fiber.sleep(0.005) end end
    function M.every(f) return create(loop, f) end
    function M.later(f)
        return create(function() fiber.name("bus_loop") while true do fiber.sleep(0.005) f() end end)
    end
    return M
]]

-- Registers with the rock; "%s" is the version, and then what else is done.
local SHOP = [[
    local bus = require('bus')
    local M = {version = '%s'}
    function M.cb() return M.version end
    function M.other() return M.version end
    %s
    return M
]]

--- Creates an application that has loaded the rock, whose last module fails.
local function start(old)
    local directory = lib.directory()
    lib.write(directory .. '/.rocks/share/tarantool/bus.lua', BUS)
    local path = package.path
    package.path = directory .. '/.rocks/share/tarantool/?.lua;' .. path
    lib.defer(function()
        package.path, package.loaded['bus'] = path, nil
    end)
    local app = lib.app({['@'] = SHOP:format('v1', old), ['@.z'] = 'return {}'})
    app.require('@')
    app.require('@.z')
    return app, require('bus')
end

--- Reloads to code that does something and then fails.
local function fail(app, new, args)
    app.write('@', SHOP:format('v2', new))
    app.write('@.z', "error('boom')")
    args = args or {}
    args.modules = {app.name .. '*'}
    return lib.reload(args)
end

local function is_clean(t, report, label)
    t:is(report.outcome, 'failed', label .. ': outcome')
    t:is(report.rollback and table.concat(report.rollback.left, '; '), '', label .. ': nothing is left')
end

local function values(list)
    local texts = {}
    for _, f in ipairs(list) do
        table.insert(texts, type(f) == 'table' and f.fn() or f())
    end
    return table.concat(texts, ' ')
end

case('a slot gets back its value from before', function(t)
    local app, bus = start("bus.set(M.cb) bus.wrap('a', M.cb) bus.one = M.cb bus.of = {fn = M.cb}")
    local before, object = bus.map.a, bus.of
    local report = fail(app, "bus.set(M.cb) bus.wrap('a', M.cb) bus.one = M.cb bus.of.fn = M.cb bus.table = M")
    is_clean(t, report, 'slots')
    t:is(bus.fire(), 'v1', 'upvalue')
    t:is(bus.map.a, before, 'closure')
    t:is(bus.one(), 'v1', 'field')
    t:is(bus.of, object, 'the object is the same')
    t:is(bus.of.fn(), 'v1', 'field of it')
    t:is(bus.table, nil, 'a module')
end)

case('a rock can use an object again that it had marked as replaced', function(t)
    local app, bus = start("bus.configure('one', M.cb)")
    local pool, member = bus.pool, bus.pool.members[1]
    member.calls = 7
    is_clean(t, fail(app, "bus.configure('two', M.cb)"), 'pool')
    t:is(bus.pool, pool, 'it is in its place')
    t:is(bus.pool.members[1]:fire(), 'v1', 'and works')
    t:is(member.calls, 7, 'with what it had')
end)

case('an empty slot is emptied, even if serving code has such a function', function(t)
    local app, bus = start('')
    local report = fail(app, [[
        bus.set(M.cb) bus.wrap('a', M.cb) bus.one = M.cb bus.key(M.cb) bus.inherit(M.cb) bus.iterate(M.cb)
        bus.deep = {a = {b = {M.cb}}}
    ]])
    is_clean(t, report, 'slots')
    t:is(bus.fire(), nil, 'upvalue')
    t:is(bus.map.a, nil, 'closure')
    t:is(bus.one, nil, 'field')
    t:is(next(bus.keys), nil, 'key')
    t:is(getmetatable(bus.class), nil, 'metatable')
    t:is(bus.iterator, nil, 'coroutine')
    t:is(bus.deep, nil, 'tables')
end)

case('lists keep their order and have no gaps', function(t)
    local app, bus = start([[
        bus.on(M.cb) bus.on(M.other) bus.on_first(M.cb) bus.on_first(M.other)
        bus.object('a', M.cb) bus.object('b', M.cb)
    ]])
    local list, first, objects = table.copy(bus.list), table.copy(bus.first), table.copy(bus.objects)
    local report = fail(app, [[
        bus.on(M.cb) bus.on(M.other) bus.on_first(M.cb) bus.on_first(M.other)
        bus.object('a', M.cb) bus.object('c', M.cb) table.insert(bus.objects, 1, {fn = M.cb})
        bus.list[1] = M.cb
    ]])
    is_clean(t, report, 'lists')
    for name, before in pairs({list = list, first = first, objects = objects}) do
        t:is(#bus[name], #before, name .. ': entries')
        for i, value in ipairs(before) do
            t:is(bus[name][i], value, ('%s: entry %d'):format(name, i))
        end
    end
    t:is(bus.by_name.a, objects[1], 'an object held in two places')
    t:is(bus.by_name.c, nil, 'and a new one')
end)

case('references of C in the registry keep their numbers', function(t)
    local app = start('')
    -- As luaL_ref() does when no slot is free.
    local stash = debug.getregistry()
    local report = fail(app, [[
        local registry = debug.getregistry()
        local slot = #registry + 1
        registry[slot] = {M.cb}
        registry[slot + 1] = 'of another'
    ]])
    local slot = nil
    for index = 1, #stash + 1 do
        slot = stash[index] == 'of another' and index or slot
    end
    t:isnt(slot, nil, 'the reference of another is there')
    t:is(slot and type(stash[slot - 1]), 'table', 'so is that of failed code, at its place')
    t:is(report.outcome, 'degraded', 'failed code that is left is told')
    t:like(table.concat(report.rollback.left, '; '), 'still refers to failed code', 'and named')
    for index = slot or 0, slot and slot - 1 or 0, -1 do
        -- As luaL_unref().
        stash[index] = stash[0]
        stash[0] = index
    end
end)

case('entries that other code added to a list during the reload stay', function(t)
    local app, bus = start('bus.on(M.cb)')
    local function serving() return 'serving' end
    fiber.create(function()
        while #bus.list < 2 do
            fiber.sleep(0)
        end
        bus.on(serving)
    end)
    local report = fail(app, "bus.on(M.cb) while #bus.list < 3 do require('fiber').sleep(0) end")
    is_clean(t, report, 'list')
    t:is(values(bus.list), 'v1 serving', 'entries')
end)

local LOOPS = {
    ['over entries'] = function(list, visit)
        for _, f in ipairs(list) do
            visit(f)
        end
    end,
    ['over numbers'] = function(list, visit)
        for i = 1, #list do
            visit(list[i])
        end
    end,
}

for label, walk in pairs(LOOPS) do
    case('a list keeps its gap while it is used by ' .. label, function(t)
        local app, bus = start('bus.on(M.cb) bus.on(M.other)')
        local seen = {}
        package.loaded['sweep_seen'] = seen
        lib.defer(function() package.loaded['sweep_seen'] = nil end)
        local walker = fiber.new(function()
            while #bus.list < 3 do
                fiber.sleep(0)
            end
            walk(bus.list, function(f)
                table.insert(seen, f())
                fiber.sleep(0.05)
            end)
        end)
        walker:set_joinable(true)
        local report = fail(app, [[
            table.insert(bus.list, 1, M.cb)
            while #require('sweep_seen') == 0 do require('fiber').sleep(0) end
        ]])
        t:ok(walker:join(), 'the loop ends without an error')
        is_clean(t, report, label)
        t:is(values(bus.list), 'v1 v1', 'entries')
        t:is(table.concat(seen, ' '), 'v2 v1 v1', 'the loop has seen all')
    end)
end

case('fibers that a rock has started for failed code end', function(t)
    local app = start("bus.every(M.cb) bus.later(M.cb)")
    local function loops()
        local ids = {}
        for id, info in pairs(fiber.info({backtrace = false})) do
            if info.name == 'bus_loop' then
                table.insert(ids, id)
            end
        end
        table.sort(ids)
        return ids
    end
    lib.defer(function()
        for _, id in ipairs(loops()) do
            fiber.kill(id)
        end
    end)
    local before = loops()
    local report = fail(app, 'bus.every(M.cb) bus.later(M.cb) bus.every(M.cb)')
    is_clean(t, report, 'fibers')
    local now = loops()
    t:is(#now, 2, 'those of the serving code go on')
    t:is(now[1], before[1], 'the first')
    t:is(now[2], before[2], 'the second')
end)

case('a fiber that catches errors ends too', function(t)
    is_clean(t, fail(start(''), [[
        local sleep = require('fiber').sleep
        package.loaded['bus'].every(function() while true do pcall(sleep, 0.001) end end)
    ]]), 'in a rock')
end)

case('a fiber of failed code is replaced by the one before in its slot', function(t)
    local app, rock = start("bus.timer = bus.every(M.cb) bus.timers = {a = {bus.timer}, by = {[bus.timer] = 1}}")
    local object = rock.timer
    lib.defer(function() pcall(object.cancel, object) end)
    is_clean(t, fail(app, [[
        bus.timer = bus.every(M.cb)
        bus.timers.a[1] = bus.timer
        bus.timers.by[bus.timer] = 2
        bus.timers.more = {timer = bus.later(M.cb)}
        setmetatable(bus.timers.a, {__index = {bus.timer}})
    ]]), 'outcome')
    t:is(rock.timer, object, 'a slot')
    t:is(rock.timers.a[1], object, 'an entry of a list')
    t:is(next(rock.timers.by), object, 'a key')
    t:is(next(rock.timers.by, object), nil, 'the only one')
    t:is(rock.timers.more, nil, 'a table that has it')
end)

case('a fiber that cannot be ended safely is left and named', function(t)
    local app = start('')
    -- The hook of a debugger stays.
    debug.sethook(function() end, '', 1000000)
    lib.defer(debug.sethook)
    rawset(_G, 'sweep_stop', fiber.channel(1))
    lib.defer(function() rawset(_G, 'sweep_stop', nil) end)
    local report = fail(app, [[
        local get = sweep_stop.get
        package.loaded['bus'].every(function() while get(sweep_stop) == nil do end end)
    ]])
    local channel = rawget(_G, 'sweep_stop')
    channel:close()
    t:is(report.outcome, 'degraded', 'outcome')
    t:ok(lib.mentions(report.rollback.left, 'fiber'), 'named')
end)

case('contents of a table with very many entries are unknown, and reported', function(t)
    local app, bus = start('bus.large.x = M.cb')
    local report = fail(app, 'bus.large.x = M.cb')
    t:is(report.outcome, 'degraded', 'outcome')
    t:ok(lib.mentions(report.rollback.left, 'bus.large.x'), 'named')
    t:is(report.rollback.complete, false, 'not complete')
    bus.large.x = nil
end)

case('failed reloads leave nothing, and the next good one patches what the first had', function(t)
    local app, bus = start('bus.on(M.cb) bus.set(M.cb)')
    for _ = 1, 3 do
        is_clean(t, fail(app, 'bus.on(M.cb) bus.set(M.cb)'), 'attempt')
    end
    t:is(values(bus.list), 'v1', 'list')
    app.write('@', SHOP:format('v3', 'bus.set(M.cb)'))
    app.write('@.z', 'return {}')
    t:is(lib.reload({modules = {app.name .. '*'}}).outcome, 'reloaded', 'the next one')
    t:is(values(bus.list), 'v3', 'list')
    t:is(bus.fire(), 'v3', 'slot')
end)

case('an incomplete search is reported', function(t)
    local real = lib.load('scan.heap_walk')
    local stopped = setmetatable({}, {__index = real})
    function stopped.new(...)
        local walk = real.new(...)
        function walk.run()
            walk.stopped = 'time'
            return false
        end
        return walk
    end
    local load = lib.loader({['scan.heap_walk'] = stopped})
    local txn = {
        stash = load('core.stash').get(),
        deadline = require('clock').monotonic() + 60,
        check = function() end,
        limited = function() return 60 end,
    }
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    local work = load('reload.sweep').new(txn)
    work:remember()
    local failed = loadstring('return 1', '@/failed.lua')
    load('code.generations').record_failed(txn.stash,
        {protos = {[require('jit.util').funcinfo(failed).proto] = true}})
    local rollback = {undone = {}, left = {}, doubts = {}}
    work:run(rollback, {})
    t:ok(lib.mentions(rollback.doubts, 'out of time'), 'told')
    t:is(#rollback.left, 0, 'and nothing is claimed')
end)

case('an old trigger stays if an incomplete image does not contain it', function(t)
    for _, is_complete in ipairs({false, true}) do
        local before = #box.session.on_connect()
        -- No local variable may refer to the trigger or to what it refers to.
        local unknown = {}
        ;(function()
            local slot = {}
            local function trigger() return slot end
            box.session.on_connect(trigger)
            unknown[tostring(slot)], unknown[tostring(trigger)] = true, true
        end)()
        local function slot()
            return box.session.on_connect()[1]()
        end
        local image_lib = lib.load('reload.image')
        local load = lib.loader({['reload.image'] = {take = function(options)
            local image = image_lib.take(options)
            local find = image.find
            image.is_complete = is_complete
            function image.find(self, object)
                return not unknown[tostring(object)] and find(self, object) or nil
            end
            return image
        end}})
        local txn = lib.transaction(load)
        function txn.limited() return 60 end
        local work = load('reload.sweep').new(txn)
        work:remember()
        slot().f = loadstring('return 1', '@/failed.lua')
        load('code.generations').record_failed(txn.stash,
            {protos = {[require('jit.util').funcinfo(slot().f).proto] = true}})
        local rollback = {undone = {}, left = {}, doubts = {}}
        work:run(rollback, {})
        t:is(#box.session.on_connect() - before, is_complete and 0 or 1, 'triggers')
        t:is(lib.mentions(rollback.left, 'failed.lua'), not is_complete, 'the reference to failed code is reported')
        if not is_complete then
            box.session.on_connect(nil, box.session.on_connect()[1])
        end
    end
end)

case('what restarted roles register again exists once', function(t)
    for _, is_revived in ipairs({true, false}) do
        local load = lib.loader()
        local txn = lib.transaction(load)
        function txn.limited() return 60 end
        txn.ownership:forget('/app/role.lua')
        local make = lib.old_code('local n = ... return function() return n end', '/app/role.lua')
        local other = lib.old_code('local n = ... return function() return n end', '/rocks/other.lua')
        local same = make('same')
        local lists = {
            functions = {make('a'), other('b')},
            objects = {{fn = make('a')}},
            identical = {same},
            foreign = {other('a')},
            twice = {make('a'), make('b')},
            asked = {make('a')},
            ids = {[7] = make('a'), [9] = other('b')},
            keys = {[make('a')] = {calls = 5}, [other('b')] = {calls = 6}},
            asked_ids = {[7] = make('a')},
        }
        local function wrap(f)
            local before = lists.chain
            lists.chain = function() return f() .. (before and before() or '') end
        end
        wrap(make('a'))
        rawset(_G, 'sweep_lists', lists)
        local work = load('reload.sweep').new(txn)
        work:remember()
        -- By requests, as long as nothing starts again.
        table.insert(lists.asked, make('b'))
        lists.asked_ids[8] = make('b')
        work:prepare()
        lists.ids[10] = make('A')
        lists.keys[make('A')] = {calls = 0}
        wrap(make('A'))
        table.insert(lists.functions, make('A'))
        table.insert(lists.functions, other('c'))
        table.insert(lists.objects, {fn = make('A')})
        table.insert(lists.identical, same)
        table.insert(lists.foreign, other('A'))
        table.insert(lists.twice, make('A'))
        table.insert(lists.twice, make('B'))
        txn.stash.failed[function() end] = true
        local rollback = {undone = {}, left = {}, doubts = {}}
        work:run(rollback, {})
        if is_revived then
            work:merge(rollback)
        end
        rawset(_G, 'sweep_lists', nil)
        if is_revived then
            t:is(values(lists.functions), 'A b c', 'the later one takes the place of the former')
            t:is(values(lists.objects), 'A', 'a table around it')
            t:is(values(lists.identical), 'same', 'the same function')
            t:is(#lists.twice, 2, 'two of the same code')
            t:is_deeply({lists.ids[7], lists.ids[9](), lists.ids[10]()}, {nil, 'b', 'A'}, 'a table by numbers')
            local keys = {}
            for key, value in pairs(lists.keys) do
                keys[key()] = value.calls
            end
            t:is_deeply(keys, {A = 0, b = 6}, 'a key')
            t:is(lists.chain(), 'A', 'a closure around the one before')
        else
            t:is(#lists.functions + #lists.objects + #lists.identical, 8, 'not without roles')
        end
        t:is(values(lists.foreign), 'a A', 'what is not of the application stays')
        t:is(values(lists.asked), 'a b', 'and so does what waits for its turn')
        t:is(values({lists.asked_ids[7], lists.asked_ids[8]}), 'a b', 'by numbers, too')
    end
end)

case('the instance keeps serving during the search', function(t)
    local data = {}
    for i = 1, 300000 do
        data[i] = {i}
    end
    rawset(_G, 'sweep_data', data)
    lib.defer(function() rawset(_G, 'sweep_data', nil) end)
    local app, bus = start('bus.on(M.cb)')
    local longest, last, stop = 0, 0, false
    local watcher = fiber.new(function()
        while not stop do
            -- In thousands of instructions: whatever else the machine does.
            longest = math.max(longest, lib.worked() - last)
            last = lib.worked()
            fiber.sleep(0)
        end
    end)
    watcher:set_joinable(true)
    local report
    lib.work(function()
        report = fail(app, 'bus.on(M.cb)')
    end)
    stop = true
    watcher:join()
    is_clean(t, report, 'search')
    t:is(values(bus.list), 'v1', 'list')
    t:ok(longest < 1000, ('the longest slice has %d thousand instructions'):format(longest))
end)

case('what an old role ended before the commit is not restored', function(t)
    local load = lib.loader()
    local txn = lib.transaction(load)
    local tables = {
        names = {gone = {}, moved = 1, kept = 'x', [1] = 'y'},
        list = {{}, {}, {}},
    }
    local first, second, third = unpack(tables.list)
    rawset(_G, 'sweep_tables', tables)
    lib.defer(function() rawset(_G, 'sweep_tables', nil) end)
    local work = load('reload.sweep').new(txn)
    work:remember()
    tables.names.gone = nil
    tables.names.fresh = {}
    table.remove(tables.list, 2)
    work:note_stop()
    local names, list = work.image:find(tables.names).entries, work.image:find(tables.list).entries
    t:is_deeply(names, {moved = 1, kept = 'x', [1] = 'y'}, 'a table')
    t:ok(list[1] == first and list[2] == third and list[3] == nil and second ~= nil, 'a list')
end)

lib.run()
