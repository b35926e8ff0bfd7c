-- adapters/triggers.lua: triggers of spaces, sessions and the server, staged.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.triggers')

lib.box()

local FILE = '/app/storage.lua'
-- A trigger that notes its name in a list.
local TRIGGER = 'local list, name = ... return function(old, new) table.insert(list, name) return new end'

local calls

local function old_trigger(name)
    return lib.old_code(TRIGGER, FILE)(calls, name)
end

local function foreign_trigger(name)
    return lib.old_code(TRIGGER, '/rocks/queue.lua')(calls, name)
end

local number = 0

local function make_space()
    number = number + 1
    local space = box.schema.space.create('t' .. number)
    space:create_index('pk')
    lib.defer(function() space:drop() end)
    return space
end

--- Which triggers run, in their order, when something is written.
local function fire(space)
    while #calls > 0 do
        table.remove(calls)
    end
    space:replace({1})
    return table.concat(calls, ' ')
end

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn.ownership:forget(FILE)
    local adapter = load('adapters.triggers').new(txn)
    txn:add(adapter)
    local function new_trigger(name)
        return txn.code(TRIGGER, FILE)(calls, name)
    end
    return txn, new_trigger, adapter
end

local function commit(txn)
    txn:commit()
    assert(txn.commit_error == nil, txn.commit_error)
end

local function set_up()
    calls = {}
    return make_space()
end

case('a new trigger runs from the commit on, the old one until then', function(t)
    local space = set_up()
    space:on_replace(old_trigger('old'))
    local txn, new = begin()
    local f = new('new')
    t:is(space:on_replace(f), f, 'returns what the real function returns')
    t:is(fire(space), 'old', 'before')
    commit(txn)
    t:is(fire(space), 'new', 'after')
    t:is(#space:on_replace(), 1, 'one trigger')
end)

case('a rollback leaves the triggers unchanged', function(t)
    local space = set_up()
    local original = rawget(space, 'on_replace')
    space:on_replace(foreign_trigger('f'))
    space:on_replace(old_trigger('old'))
    local before = space:on_replace()
    local txn, new = begin()
    space:on_replace(new('new'))
    space:before_replace(new('new'))
    txn.undo()
    t:is_deeply(space:on_replace(), before, 'list')
    t:is(#space:before_replace(), 0, 'other list')
    t:is(rawget(space, 'on_replace'), original, 'function')
end)

case('the order of triggers of several owners stays', function(t)
    local space = set_up()
    space:before_replace(foreign_trigger('f1'))
    space:before_replace(old_trigger('o1'))
    space:before_replace(foreign_trigger('f2'))
    space:before_replace(old_trigger('o2'))
    space:before_replace(foreign_trigger('f3'))
    local before = fire(space)
    local txn, new = begin()
    space:before_replace(new('n1'))
    space:before_replace(new('n2'))
    commit(txn)
    t:is(fire(space), (before:gsub('o', 'n')), 'as many as before')
    txn, new = begin()
    txn.ownership:forget('/new/none.lua')
    space:before_replace(new('n3'))
    commit(txn)
    t:is(#space:before_replace(), 4, 'fewer than before')
end)

case('old triggers that new code does not set are removed', function(t)
    local space = set_up()
    space:on_replace(old_trigger('old'))
    space:on_replace(foreign_trigger('f'))
    local txn = begin()
    commit(txn)
    t:is(fire(space), 'f', 'only that of others')
end)

case('new code can replace and remove its own triggers', function(t)
    local space = set_up()
    local txn, new = begin()
    local a, b, c = new('a'), new('b'), new('c')
    space:on_replace(a)
    space:on_replace(b, a)
    space:on_replace(c)
    space:on_replace(nil, c)
    commit(txn)
    t:is(fire(space), 'b', 'what is left')
end)

case('new code can replace and remove old and foreign triggers', function(t)
    local space = set_up()
    local o, f = old_trigger('o'), foreign_trigger('f')
    space:on_replace(o)
    space:on_replace(f)
    local txn, new = begin()
    space:on_replace(new('n'), o)
    space:on_replace(nil, f)
    t:is(fire(space), 'f o', 'before the commit all run')
    commit(txn)
    t:is(fire(space), 'n', 'after it')
end)

case('the list of triggers that new code reads has no old ones', function(t)
    -- As in `if #space:on_replace() == 0 then space:on_replace(f) end`.
    local space = set_up()
    local f = foreign_trigger('f')
    space:on_replace(f)
    space:on_replace(old_trigger('old'))
    local txn, new = begin()
    t:is_deeply(space:on_replace(), {f}, 'those of others')
    local n = new('n')
    space:on_replace(n)
    -- From 3.0 on the one that was set last is told first.
    local plain = make_space()
    plain:on_replace(f)
    plain:on_replace(n)
    t:is(plain:on_replace()[1], lib.has_named_triggers() and n or f, 'the order of this server')
    plain:on_replace(nil, n)
    t:is_deeply(space:on_replace(), lib.has_named_triggers() and {n, f} or {f, n}, 'and its own, last')
    t:is(#lib.elsewhere(function() return space:on_replace() end), 2, 'old code finds what is there')
    commit(txn)
    t:is(#space:on_replace(), 2, 'after the commit')
end)

case('a trigger that is not a function is an error at once', function(t)
    local space = set_up()
    begin()
    t:ok(not pcall(space.on_replace, space, 'text'), 'text')
    t:ok(not pcall(space.on_replace, space, 5), 'number')
end)

case('a method kept by new code works after the commit', function(t)
    local space = set_up()
    local txn, new = begin()
    local method = space.on_replace
    commit(txn)
    method(space, new('n'))
    t:is(fire(space), 'n', 'sets a trigger')
end)

case('other code sets triggers at once during the reload', function(t)
    local space = set_up()
    local txn = begin()
    lib.elsewhere(function() space:on_replace(foreign_trigger('f')) end)
    t:is(fire(space), 'f', 'at once')
    commit(txn)
    t:is(fire(space), 'f', 'and after the commit')
end)

case('a rollback removes triggers that new code set around the staging', function(t)
    local space = set_up()
    local original = rawget(space, 'on_replace')
    local txn, new = begin()
    original(space, new('stray'))
    local fresh = make_space()
    fresh:on_replace(new('fresh'))
    local undone = txn.undo()
    t:is(#space:on_replace(), 0, 'on a space that was there')
    t:is(#fresh:on_replace(), 0, 'on a space that new code made')
    t:ok(lib.mentions(undone, space.name), 'reported: ' .. table.concat(undone, ', '))
end)

case('a rollback restores triggers that new code removed around the staging, at their position', function(t)
    local space = set_up()
    local f1, f2, f3 = foreign_trigger('f1'), foreign_trigger('f2'), foreign_trigger('f3')
    space:on_replace(f1)
    space:on_replace(f2)
    space:on_replace(f3)
    local original, before = rawget(space, 'on_replace'), fire(space)
    local txn = begin()
    original(space, nil, f2)
    txn.undo()
    t:is(#space:on_replace(), 3, 'all there')
    t:is(fire(space), before, 'in the same order')
end)

case('a space altered by new code keeps its old triggers until the commit', function(t)
    local space = set_up()
    space:on_replace(old_trigger('old'))
    local txn, new = begin()
    space:format({{name = 'id', type = 'unsigned'}})
    space:create_index('more', {parts = {1}})
    space:on_replace(new('new'))
    t:is(fire(space), 'old', 'before')
    commit(txn)
    t:is(fire(space), 'new', 'after')
end)

local REFILLS = {
    ['truncate'] = function(space) space:truncate() end,
    ['format'] = function(space) space:format({{'a', 'unsigned'}}) end,
    ['create_index'] = function(space) space:create_index('second', {parts = {1, 'unsigned'}}) end,
    ['SQL'] = function(space)
        assert(box.execute(('alter table "%s" rename to "%s_x"'):format(space.name, space.name)))
    end,
    ['a leader'] = function(space) box.space._space:update(space.id, {{'=', 'field_count', 1}}) end,
}

for label, refill in pairs(REFILLS) do
    case('triggers are staged after the space was refilled by ' .. label, function(t)
        for _, is_new in ipairs({false, true}) do
            local space = set_up()
            space:on_replace(old_trigger('old'))
            local txn, new = begin()
            if is_new then
                refill(space)
            else
                lib.elsewhere(refill, space)
            end
            space:on_replace(new('new'))
            t:is(fire(space), 'old', 'before')
            commit(txn)
            t:is(fire(space), 'new', 'after')
            t:is(box.schema.space.bless ~= nil and rawget(space, 'on_replace') ~= nil, true, 'methods')
        end
    end)
end

case('triggers of a space created by other code during the reload are staged and survive a rollback', function(t)
    set_up()
    local txn, new = begin()
    local space = lib.elsewhere(function()
        local space = make_space()
        space:on_replace(foreign_trigger('f'))
        return space
    end)
    space:on_replace(new('new'))
    t:is(fire(space), 'f', 'before')
    txn.undo()
    t:is(fire(space), 'f', 'after')
    local bless = box.schema.space.bless
    t:is(debug.getinfo(bless, 'S').source:find('cartridge-reload', 1, true), nil, 'nothing of ours stays')
end)

case('a space dropped during the reload is no problem', function(t)
    calls = {}
    local space = box.schema.space.create('doomed')
    space:create_index('pk')
    space:on_replace(old_trigger('old'))
    local txn, new = begin()
    space:on_replace(new('new'))
    lib.elsewhere(function() space:drop() end)
    commit(txn)
    local again = set_up()
    again:on_replace(old_trigger('old'))
    txn, new = begin()
    local doomed = box.schema.space.create('doomed')
    doomed:create_index('pk')
    doomed:on_replace(new('new'))
    doomed:drop()
    local _, left = txn.undo()
    t:is(#left, 0, 'nothing is left')
end)

case('triggers of sessions are staged', function(t)
    set_up()
    local old = old_trigger('old')
    box.session.on_connect(old)
    local txn, new = begin()
    local f = new('new')
    box.session.on_connect(f)
    t:is_deeply(lib.elsewhere(function() return box.session.on_connect() end), {old}, 'before')
    commit(txn)
    t:is_deeply(box.session.on_connect(), {f}, 'after')
    box.session.on_connect(nil, f)
end)

case('triggers of the server are staged', function(t)
    set_up()
    local old = old_trigger('old')
    local count = #box.ctl.on_shutdown()
    box.ctl.on_shutdown(old)
    local txn, new = begin()
    local f = new('new')
    box.ctl.on_shutdown(f)
    commit(txn)
    t:is(#box.ctl.on_shutdown(), count + 1, 'one')
    t:is(box.ctl.on_shutdown()[1], f, 'the new one')
    box.ctl.on_shutdown(nil, f)
end)

case('each write at any time runs exactly one generation of the trigger', function(t)
    local space = set_up()
    space:on_replace(old_trigger('x'))
    local txn, new = begin()
    space:on_replace(new('x'))
    local wrong, stop, writes = 0, false, 0
    local writer = fiber.new(function()
        while not stop do
            writes = writes + 1
            if fire(space) ~= 'x' then
                wrong = wrong + 1
            end
            fiber.yield()
        end
    end)
    writer:set_joinable(true)
    lib.wait(function() return writes > 3 end)
    commit(txn)
    local after = writes + 3
    lib.wait(function() return writes > after end)
    stop = true
    writer:join()
    t:is(wrong, 0, 'writes with another number of triggers')
end)

case('spaces that come and go during the snapshot are no problem', function(t)
    calls = {}
    local spaces, stop = {}, false
    for i = 1, 150 do
        spaces[i] = box.schema.space.create('many' .. i)
    end
    local load = lib.loader({['core.yield'] = {if_due = fiber.yield, reset = function() end}})
    local other = fiber.new(function()
        local i = 0
        while not stop do
            i = i + 1
            local space = box.schema.space.create('extra' .. i)
            if i % 3 == 0 then
                space:drop()
            else
                table.insert(spaces, space)
            end
            fiber.yield()
        end
    end)
    other:set_joinable(true)
    local txn = lib.transaction(load)
    local adapter = load('adapters.triggers').new(txn)
    local ok, err = pcall(txn.add, txn, adapter)
    stop = true
    other:join()
    t:ok(ok, 'snapshot: ' .. tostring(err))
    local missed, seen = 0, {}
    for _, place in ipairs(adapter.places) do
        seen[place.label] = (seen[place.label] or 0) + 1
    end
    local twice = 0
    for i = 1, 150 do
        local n = seen[('trigger on_replace of space many%d'):format(i)] or 0
        missed = missed + (n == 0 and 1 or 0)
        twice = twice + (n > 1 and 1 or 0)
    end
    t:is(missed, 0, 'spaces that were missed')
    t:is(twice, 0, 'spaces that were taken twice')
    txn.undo()
    for _, space in ipairs(spaces) do
        space:drop()
    end
end)

--- What stands for what in the new code: a set of old functions that have a
-- counterpart, or the counterparts themselves.
local function match(txn, counterparts)
    txn.counterparts = {cover = function(_, f, taken)
        local counterpart = counterparts[f]
        return counterpart ~= nil and not taken[counterpart]
    end}
end

case('an old trigger that new code does not set stays if it can be patched', function(t)
    local space = set_up()
    local o1, o2 = old_trigger('o1'), old_trigger('o2')
    space:on_replace(o1)
    space:on_replace(o2)
    local txn, new = begin()
    match(txn, {[o1] = new('n1')})
    commit(txn)
    t:is(fire(space), 'o1', 'the other goes')
end)

case('an old trigger that new code sets elsewhere is removed', function(t)
    local space = set_up()
    local old = old_trigger('old')
    space:on_replace(old)
    local txn, new = begin()
    local f = new('new')
    match(txn, {[old] = f})
    space:before_replace(f)
    commit(txn)
    t:is(fire(space), 'new', 'it runs once')
    t:is(#space:on_replace(), 0, 'not at the old place')
end)

case('an old trigger that new code sets elsewhere in a wrapper is removed', function(t)
    local space = set_up()
    local old = old_trigger('old')
    space:on_replace(old)
    local txn, new = begin()
    local f = new('new')
    match(txn, {[old] = f})
    space:before_replace(lib.old_code('local f = ... return function(...) return f(...) end', '/rocks/trace.lua')(f))
    commit(txn)
    t:is(fire(space), 'new', 'it runs once')
end)

case('a trigger set by an earlier reload is removed when new code drops it', function(t)
    local space = set_up()
    local txn, new = begin()
    local first = new('first')
    space:on_replace(first)
    commit(txn)
    t:is(fire(space), 'first', 'set by a reload')
    local stash = txn.stash
    t:ok(stash.placed[first]['trigger on_replace of space ' .. space.name], 'which is remembered')
    -- The next reload, with a counterpart for everything.
    local load = lib.loader()
    txn = lib.transaction(load, stash)
    txn.ownership:forget('/app/storage.lua')
    txn:add(load('adapters.triggers').new(txn))
    match(txn, {[first] = txn.code(TRIGGER, FILE)(calls, 'second')})
    commit(txn)
    t:is(fire(space), '', 'it has gone')
end)

case('a trigger dropped at one place may stay at another', function(t)
    local space = set_up()
    local txn, new = begin()
    local first = new('first')
    space:on_replace(first)
    commit(txn)
    -- The main script does it later.
    space:before_replace(first)
    local stash, load = txn.stash, lib.loader()
    txn = lib.transaction(load, stash)
    txn.ownership:forget(FILE)
    txn:add(load('adapters.triggers').new(txn))
    match(txn, {[first] = txn.code(TRIGGER, FILE)(calls, 'second')})
    commit(txn)
    t:is(#space:on_replace(), 0, 'gone there')
    t:is(#space:before_replace(), 1, 'still here')
end)

case('places of triggers are listed with labels, and can be set', function(t)
    local space = set_up()
    local f, g = foreign_trigger('f'), foreign_trigger('g')
    space:on_replace(f)
    local places = {}
    for _, place in ipairs(lib.load('platform.trigger_places').all()) do
        places[place.label] = place
    end
    local place = places['trigger on_replace of space ' .. space.name]
    t:is(place.list()[1], f, 'what is set')
    place.set(g, f)
    t:is(fire(space), 'g', 'replaced')
    t:ok(not pcall(place.set, g, f), 'what is not set cannot be replaced')
    t:is(#places['trigger before_replace of space ' .. space.name].list(), 0, 'an empty place')
    t:ok(places['trigger box.session.on_connect'] ~= nil, 'of the session')
    t:ok(places['trigger box.ctl.on_shutdown'] ~= nil, 'of the server')
    place = places['trigger box.session.on_disconnect']
    place.set(f)
    t:is(place.list()[1], f, 'set')
    place.set(nil, f)
    t:is(#place.list(), 0, 'and removed')
end)

--- The names of the triggers of an event that have one, in the order in which
-- they run.
local function names_of(event)
    local names = {}
    for _, entry in ipairs(require('trigger').info(event)[event] or {}) do
        table.insert(names, entry[1]:find('^0x') and '-' or entry[1])
    end
    return table.concat(names, ' ')
end

if lib.has_named_triggers() then
    case('named triggers: one with the same name is replaced at its position', function(t)
        local space = set_up()
        space:before_replace(foreign_trigger('f1'), nil, 'foreign')
        space:before_replace(old_trigger('o1'), nil, 'mine')
        space:before_replace(old_trigger('o2'))
        space:before_replace({name = 'other', func = old_trigger('o3')})
        space:before_replace(foreign_trigger('f2'))
        t:is(fire(space), 'f2 o3 o2 o1 f1', 'before')
        local txn, new = begin()
        -- In another order than before.
        local f = new('n2')
        t:is(space:before_replace(f), f, 'without a name')
        space:before_replace({name = 'other', func = new('n3')})
        local g = new('n1')
        t:is(space:before_replace(g, nil, 'mine'), g, 'returns what the real function returns')
        t:is(fire(space), 'f2 o3 o2 o1 f1', 'before the commit')
        commit(txn)
        t:is(fire(space), 'f2 n3 n2 n1 f1', 'after it')
        t:is(names_of(('box.space[%d].before_replace'):format(space.id)), '- other - mine foreign', 'names')
        space:before_replace(nil, f)
        t:is(fire(space), 'f2 n3 n1 f1', 'the one without a name is found by its function')
        t:is(#txn.warnings, 0, 'no warnings: ' .. table.concat(txn.warnings, ', '))
    end)

    case('named triggers: those that new code removes or does not set are removed', function(t)
        local space = set_up()
        space:on_replace(old_trigger('o1'), nil, 'mine')
        space:on_replace(foreign_trigger('f1'), nil, 'foreign')
        space:on_replace(foreign_trigger('f2'), nil, 'second')
        local txn, new = begin()
        space:on_replace(nil, nil, 'foreign')
        space:on_replace(new('n1'), nil, 'passing')
        space:on_replace(nil, nil, 'passing')
        space:on_replace(new('n2'), nil, 'twice')
        space:on_replace(new('n3'), nil, 'twice')
        t:is(fire(space), 'f2 f1 o1', 'before the commit')
        commit(txn)
        t:is(fire(space), 'f2 n3', 'after it')
    end)

    case('named triggers: a rollback restores them with their names', function(t)
        local space = set_up()
        space:on_replace(foreign_trigger('f1'), nil, 'first')
        space:on_replace(old_trigger('o1'))
        space:on_replace(foreign_trigger('f2'), nil, 'last')
        local original = rawget(space, 'on_replace')
        local txn, new = begin()
        space:on_replace(new('n'), nil, 'staged')
        original(space, new('stray'), nil, 'first')
        original(space, nil, nil, 'last')
        txn.undo()
        t:is(fire(space), 'f2 o1 f1', 'as before')
        t:is(names_of(('box.space[%d].on_replace'):format(space.id)), 'last - first', 'names')
    end)

    case('triggers of any event can be set through the module trigger', function(t)
        local module = require('trigger')
        local events = {'triggers_test.a', 'triggers_test.b', 'triggers_test.c'}
        lib.defer(function()
            for _, event in ipairs(events) do
                for _, entry in ipairs(module.info(event)[event] or {}) do
                    module.del(event, entry[1])
                end
            end
        end)
        local function told(event)
            while #calls > 0 do
                table.remove(calls)
            end
            module.call(event)
            return table.concat(calls, ' ')
        end
        set_up()
        local set, del = module.set, module.del
        set(events[1], 'foreign', foreign_trigger('f'))
        set(events[1], 'mine', old_trigger('o1'))
        set(events[1], 'gone', old_trigger('o2'))
        local txn, new = begin()
        local f = new('n1')
        t:is(module.set(events[1], 'mine', f), f, 'returns what the real function returns')
        module.set(events[2], 'new', new('n2'))
        module.set(events[2], 'passing', new('n3'))
        module.del(events[2], 'passing')
        module.del(events[1], 'foreign')
        t:is(told(events[1]) .. ', ' .. told(events[2]), 'o2 o1 f, ', 'before the commit')
        commit(txn)
        t:is(told(events[1]) .. ', ' .. told(events[2]), 'n1, n2', 'after it')
        t:is(module.set == set and module.del == del, true, 'nothing is left in the module')
        txn, new = begin()
        module.set(events[1], 'mine', new('m1'))
        set(events[3], 'stray', new('m2'))
        local undone = txn.undo()
        t:is(told(events[1]) .. ', ' .. told(events[3]), 'n1, ', 'after a rollback')
        t:ok(lib.mentions(undone, 'trigger of event triggers_test.c'), 'reported: ' .. table.concat(undone, ', '))
        t:ok(not pcall(module.set, 'triggers_test.a', 'x', 5), 'an error is one')
    end)

    case('a named trigger that is patched keeps its name', function(t)
        local space = set_up()
        local f, g = foreign_trigger('f'), foreign_trigger('g')
        space:on_replace(f, nil, 'mine')
        for _, place in ipairs(lib.load('platform.trigger_places').all()) do
            if place.label == 'trigger on_replace of space ' .. space.name then
                place.set(g, f)
            end
        end
        t:is(fire(space), 'g', 'patched')
        t:is(names_of(('box.space[%d].on_replace'):format(space.id)), 'mine', 'its name')
    end)
end

lib.run()
