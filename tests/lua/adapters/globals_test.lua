-- adapters/globals.lua: what a rollback does to global variables.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.globals')

local used = {}

--- Sets a global for the time of a case.
local function set(name, value)
    rawset(_G, name, value)
    table.insert(used, name)
end

local function begin()
    lib.defer(function()
        for _, name in ipairs(used) do
            rawset(_G, name, nil)
        end
        used = {}
    end)
    local load = lib.loader()
    local txn = lib.transaction(load)
    local adapter = load('adapters.globals').new(txn)
    txn:add(adapter)
    return txn, adapter
end

case('a rollback undoes new, changed and removed globals', function(t)
    set('g_text', 'old')
    set('g_false', false)
    set('g_doomed', 'old')
    local txn = begin()
    txn:call(txn.code([[
        g_text = 'new'
        g_false = true
        g_doomed = nil
        g_fresh = function() end
    ]]))
    table.insert(used, 'g_fresh')
    local undone, left = txn.undo()
    t:is(rawget(_G, 'g_text'), 'old', 'changed')
    t:is(rawget(_G, 'g_false'), false, 'false')
    t:is(rawget(_G, 'g_doomed'), 'old', 'removed')
    t:is(rawget(_G, 'g_fresh'), nil, 'set')
    t:is(#undone, 4, 'all are told')
    t:is(#left, 0, 'nothing is left')
end)

case('a commit keeps globals of new code', function(t)
    local txn = begin()
    txn:call(txn.code("g_fresh = 'new'"))
    table.insert(used, 'g_fresh')
    txn:commit()
    t:is(rawget(_G, 'g_fresh'), 'new', 'there')
end)

case('globals can be staged under strict mode', function(t)
    require('strict').on()
    lib.defer(function() require('strict').off() end)
    set('g_text', 'old')
    local txn = begin()
    txn:call(txn.code("rawset(_G, 'g_fresh', 1) rawset(_G, 'g_text', 'new')"))
    table.insert(used, 'g_fresh')
    txn.undo()
    t:is(rawget(_G, 'g_fresh'), nil, 'set')
    t:is(rawget(_G, 'g_text'), 'old', 'changed')
end)

case('the state table of the program is left alone', function(t)
    local txn = begin()
    txn.stash.generation = 7
    txn.undo()
    t:is(lib.stash(), txn.stash, 'the same table')
end)

case('a rollback restores a global table that new code changed in place', function(t)
    local function is_as_before(table_, text)
        t:is(#table_, 2, text .. ': length')
        t:is(table_[1], 1, text .. ': first')
        t:is(table_[2], 2, text .. ': second')
        t:is(table_.key, 'old', text .. ': key')
        t:is(table_.fresh, nil, text .. ': new key')
    end
    for _, text in ipairs({
        'g_table.key = "new"', 'g_table[3] = 3', 'g_table.key = nil', 'table.remove(g_table, 1)',
        'table.insert(g_table, 1, 0)', 'g_table.fresh = {}', 'for k in pairs(g_table) do g_table[k] = nil end',
    }) do
        set('g_table', {1, 2, key = 'old'})
        local txn = begin()
        set('g_table', rawget(_G, 'g_table'))
        txn:call(txn.code(text))
        local undone, left, doubts = txn.undo()
        is_as_before(rawget(_G, 'g_table'), text)
        t:ok(lib.mentions(undone, 'g_table'), text .. ': told')
        t:is(#left + #doubts, 0, text .. ': without a doubt')
    end
end)

case('a rollback keeps entries that other code put into such a table', function(t)
    set('g_table', {'a', key = 'old'})
    local txn = begin()
    txn:call(txn.code("table.insert(g_table, 1, 'new') g_table.key, g_table.other = 'new', 'new'"))
    lib.elsewhere(function()
        table.insert(g_table, 'b') -- luacheck: ignore
        g_table.key, g_table.fresh = 'serving', 'serving' -- luacheck: ignore
    end)
    txn:call(txn.code('return 1'))
    local _, left = txn.undo()
    local now = rawget(_G, 'g_table')
    t:is(table.concat(now, ' '), 'a b', 'list, without a gap')
    t:is(now.key, 'serving', 'changed by both')
    t:is(now.fresh, 'serving', 'added')
    t:is(now.other, nil, 'added by new code')
    t:is(#left, 0, 'nothing is left')
end)

case('a table that only other code changed is not reported', function(t)
    set('g_table', {})
    local txn = begin()
    lib.elsewhere(function() g_table.x = 1 end) -- luacheck: ignore
    txn:call(txn.code('return 1'))
    lib.elsewhere(function() g_table.y = 1 end) -- luacheck: ignore
    local _, left, doubts = txn.undo()
    t:is(#left, 0, 'left')
    t:is(#doubts, 0, 'doubts')
end)

case('a table that changed while new code yielded is reported as a doubt', function(t)
    set('g_table', {})
    local txn = begin()
    fiber.create(function()
        fiber.sleep(0)
        g_table.x = 1 -- luacheck: ignore
    end)
    txn:call(txn.code("local f = require('fiber') while not g_table.x do f.sleep(0) end"))
    local _, left, doubts = txn.undo()
    t:is(#left, 0, 'left')
    t:ok(lib.mentions(doubts, 'g_table'), 'doubts')
end)

case('a table that another fiber changed while new code used a channel is reported as a doubt', function(t)
    set('g_table', {n = 0})
    set('g_channel', fiber.channel(0))
    local stop = false
    local other = fiber.new(function()
        while not stop do
            g_channel:get(0.01) -- luacheck: ignore
            g_table.n = g_table.n + 1 -- luacheck: ignore
        end
    end)
    other:set_joinable(true)
    local txn = begin()
    txn:call(txn.code('for i = 1, 5 do g_channel:put(i) end'))
    local _, left = txn.undo()
    stop = true
    other:join()
    t:is(#left, 0, 'not certain')
end)

case('a rollback keeps globals that serving code set during the reload', function(t)
    set('g_requests', 5)
    local txn = begin()
    txn:call(txn.code('return 1'))
    lib.elsewhere(function() rawset(_G, 'g_requests', g_requests + 1) end) -- luacheck: ignore
    txn:call(txn.code('return 1'))
    txn.undo()
    t:is(rawget(_G, 'g_requests'), 6, 'a counter of the serving code')
end)

case('values with __eq are compared by identity', function(t)
    local mt = {__eq = function() return true end}
    set('g_version', setmetatable({1}, mt))
    local old = rawget(_G, 'g_version')
    local txn = begin()
    txn:call(txn.code("rawset(_G, 'g_version', setmetatable({2}, getmetatable(g_version)))"))
    txn.undo()
    t:ok(rawequal(rawget(_G, 'g_version'), old), '__eq that says yes')
    local hostile = {__eq = function() error('not comparable') end}
    set('g_version', setmetatable({1}, hostile))
    set('g_table', {item = setmetatable({1}, hostile)})
    old = rawget(_G, 'g_version')
    txn = begin()
    set('g_version', old)
    set('g_table', rawget(_G, 'g_table'))
    local ok = pcall(txn.call, txn, txn.code([[
        rawset(_G, 'g_version', setmetatable({2}, getmetatable(g_version)))
        g_table.item = setmetatable({2}, getmetatable(g_version))
    ]]))
    t:ok(ok, '__eq that throws does not end the transaction')
    local _, left = txn.undo()
    t:ok(rawequal(rawget(_G, 'g_version'), old), 'and is restored')
    t:ok(not lib.mentions(left, 'not comparable'), 'without an error')
end)

case('NaN does not count as a change', function(t)
    set('g_nan', 0 / 0)
    set('g_table', {average = 0 / 0})
    local txn = begin()
    txn:call(txn.code('return 1'))
    local undone, left = txn.undo()
    t:ok(not lib.mentions(undone, 'g_nan'), 'as a variable')
    t:ok(not lib.mentions(left, 'g_table'), 'in a table')
end)

case('tables whose metatables raise errors are examined', function(t)
    set('g_locked', setmetatable({1}, {
        __index = function() error('no') end,
        __newindex = function() error('no') end,
        __pairs = function() error('no') end,
        __metatable = 'locked',
    }))
    local txn = begin()
    t:ok(pcall(txn.call, txn, txn.code('return 1')), 'looked at')
    local _, left = txn.undo()
    t:ok(not lib.mentions(left, 'g_locked'), 'unchanged')
end)

case('a global table with a million entries does not block the server', function(t)
    local big = {}
    for i = 1, 1000000 do
        big[i] = i
    end
    set('g_big', big)
    collectgarbage()
    local txn, adapter = begin()
    local snapshot = lib.work(adapter.snapshot, adapter)
    local call = lib.work(txn.call, txn, txn.code('return 1'))
    txn.undo()
    t:ok(snapshot < 100, ('snapshot: %d thousand instructions'):format(snapshot))
    t:ok(call < 100, ('a call of new code: %d thousand instructions'):format(call))
end)

lib.run()
