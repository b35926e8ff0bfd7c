-- adapters/watchers.lua: watchers (box.watch).

local lib = dofile('tests/lua/lib.lua')

if rawget(box, 'watch') == nil then
    print('1..0 # SKIP this server has no box.watch')
    os.exit(0)
end

lib.box()

local case = lib.suite('adapters.watchers')

-- The file of the current case: each has one of its own.
local PATH
local count = 0

local function begin(stash)
    local load = lib.loader()
    local txn = lib.transaction(load, stash)
    local triggers = txn:add(load('adapters.triggers').new(txn))
    local adapter = txn:add(load('adapters.watchers').new(txn, triggers))
    return txn, adapter
end

-- Ends the recorded generation, as the commit of a whole reload does.
local function commit(txn, adapter)
    txn:commit()
    adapter:settle()
    txn.staging = false
    for proto, unit in pairs(txn.ownership.protos) do
        txn.stash.units[proto] = unit
    end
    return txn.stash
end

-- Starts a case with no calls recorded.
local function start()
    rawset(_G, 'g_calls', {})
    count = count + 1
    PATH = PATH or ('/app%d.lua'):format(count)
    lib.defer(function()
        rawset(_G, 'g_calls', nil)
        PATH = nil
    end)
    return 'key' .. count
end

-- Returns the calls that an event leads to, after those of other watchers of its key.
local function event(key)
    local value, is_told = tostring(os.clock()), false
    local probe = box.watch(key, function(_, now) is_told = is_told or now == value end)
    box.broadcast(key, value)
    lib.wait(function() return is_told end)
    probe:unregister()
    local result = {}
    local function collect()
        result = {}
        for _, call in ipairs(rawget(_G, 'g_calls')) do
            if call[2] == value then
                table.insert(result, call[1])
            end
        end
        return #result > 0
    end
    lib.wait(collect, 1)
    collect()
    table.sort(result)
    return table.concat(result, ' ')
end

local function callback(label)
    return ("function(_, value) table.insert(g_calls, {'%s', value}) end"):format(label)
end

local function watch(key, label)
    return ("box.watch('%s', %s)"):format(key, callback(label))
end

local function stop(watcher)
    lib.defer(function() watcher:unregister() end)
end

case('a watcher of new code replaces that of old code at the commit', function(t)
    local key = start()
    lib.old_code(watch(key, 'old'), PATH)()
    local original = box.watch
    local txn, adapter = begin()
    stop(txn.code('return ' .. watch(key, 'new'), PATH)())
    t:ok(lib.wait(function() return #rawget(_G, 'g_calls') == 2 end), 'both get the current value')
    t:is(event(key), 'old', 'before the commit')
    commit(txn, adapter)
    t:is(box.watch, original, 'the function is restored')
    t:ok(lib.wait(function()
        return #rawget(_G, 'g_calls') == 4
    end), 'the new one gets the event that was held back')
    t:is(event(key), 'new', 'after the commit')
end)

case('each reload replaces the watchers of the one before', function(t)
    local key, stash, watchers = start(), nil, {}
    lib.old_code(watch(key, 'v1'), PATH)()
    for version = 2, 4 do
        local txn, adapter = begin(stash)
        watchers[version] = txn.code('return ' .. watch(key, 'v' .. version), PATH)()
        stash = commit(txn, adapter)
        t:is(event(key), 'v' .. version, 'version ' .. version)
    end
    for version = 2, 4 do
        t:is(pcall(watchers[version].unregister, watchers[version]), version == 4,
            ('whether version %d is still registered'):format(version))
    end
end)

case('a rollback unregisters the watchers of new code', function(t)
    local key = start()
    lib.old_code(watch(key, 'old'), PATH)()
    local original = box.watch
    local txn = begin()
    txn.code(watch(key, 'new'), PATH)()
    local undone = txn.undo()
    t:ok(lib.mentions(undone, 'watcher'), 'reported')
    t:is(box.watch, original, 'the function is restored')
    t:is(event(key), 'old', 'the old one stays')
end)

case('what new code does not register again stays', function(t)
    local key, other = start(), start()
    lib.old_code(watch(key, 'old'), PATH)()
    lib.old_code(watch(other, 'other'), '/other.lua')()
    local txn, adapter = begin()
    txn.ownership:forget('/other.lua')
    txn.code('local _ = 1', PATH)()
    stop(txn.code('return ' .. watch(other, 'foreign'), '/third.lua')())
    commit(txn, adapter)
    t:is(event(key), 'old', 'without a new watcher')
    t:is(event(other), 'foreign other', 'beside one of another module')
end)

case('of several keys of one function only those that it has again are replaced', function(t)
    local key, other, stash = start(), start(), nil
    local function text(label, keys)
        local calls = {}
        for i, one in ipairs(keys) do
            calls[i] = ("box.watch('%s', f)"):format(one)
        end
        return ('local f = %s %s'):format(callback(label), table.concat(calls, ' '))
    end
    lib.old_code(text('v1', {key, other}), PATH)()
    local versions = {
        {keys = {key}, other = 'v1'},
        {keys = {key}, other = 'v1'},
        {keys = {key, other}, other = 'v4'},
        {keys = {key}, other = 'v4'},
        {keys = {other}, other = 'v6', key = 'v5'},
    }
    for i, version in ipairs(versions) do
        local label = 'v' .. i + 1
        local txn, adapter = begin(stash)
        txn.code(text(label, version.keys), PATH)()
        stash = commit(txn, adapter)
        t:is(event(key), version.key or label, 'the one key in ' .. label)
        t:is(event(other), version.other, 'the other key in ' .. label)
    end
end)

case('watchers of functions without a counterpart are replaced by key', function(t)
    local key, other = start(), start()
    lib.old_code(watch(key, 'old') .. watch(other, 'other'), PATH)()
    local txn, adapter = begin()
    txn.code(('\n%s'):format(watch(key, 'new')), PATH)()
    local stash = commit(txn, adapter)
    t:is(event(key), 'new', 'the same key')
    t:is(event(other), 'other', 'the other key')
    txn, adapter = begin(stash)
    txn.code(('\n\n%s\n%s'):format(watch(key, 'newer'), watch(start(), 'more')), PATH)()
    commit(txn, adapter)
    t:is(event(key), 'newer', 'in the next reload')
    t:is(event(other), 'other', 'the other key in the next reload')
end)

case('a watcher that new code has unregistered replaces nothing', function(t)
    local key = start()
    lib.old_code(watch(key, 'old'), PATH)()
    local txn, adapter = begin()
    txn.code(watch(key, 'new') .. ':unregister()', PATH)()
    commit(txn, adapter)
    t:is(event(key), 'old', 'the old one is called')
end)

case('old code can unregister its replaced watcher after the commit', function(t)
    local key = start()
    local txn, adapter = begin()
    local watcher = txn.code('return ' .. watch(key, 'v1'), PATH)()
    local stash = commit(txn, adapter)
    txn, adapter = begin(stash)
    txn.code(watch(key, 'v2'), PATH)()
    txn:commit()
    t:ok(pcall(watcher.unregister, watcher), 'the first time')
    adapter:settle()
    t:is(event(key), 'v2', 'the new one is called')
end)

case('a wrapper of a library around a callback is replaced', function(t)
    local key = start()
    local wrap = lib.old_code('local f = ... return function(...) return f(...) end', '/library.lua')
    lib.old_code(("box.watch('%s', (...)(%s))"):format(key, callback('old')), PATH)(wrap)
    local txn, adapter = begin()
    stop(txn.code(("return box.watch('%s', (...)(%s))"):format(key, callback('new')), PATH)(wrap))
    commit(txn, adapter)
    t:is(event(key), 'new', 'the new one is called')
end)

case('watchers of roles that restart after a rollback replace the earlier ones', function(t)
    local key, other = start(), start()
    local role = lib.old_code(('local key = ... ' .. watch('%s', 'role')):format(key):gsub("'key%d+'", 'key'), PATH)
    role(key)
    role(other)
    local txn = begin()
    txn.ownership:forget(PATH)
    txn.staging = false
    txn.undo()
    local adapter = lib.load('adapters.watchers').new(txn)
    adapter:snapshot()
    adapter:stage()
    txn.staging = true
    role(key)
    txn.staging = false
    adapter:revive()
    t:is(event(key), 'role', 'called once')
    t:is(event(other), 'role', 'one with another key stays')
end)

case('a function of a module replaces the one of the same name', function(t)
    local key, other = start(), start()
    local text = ([[
        local M = {}
        function M.on_event(...) return (%s)(...) end
        box.watch('%s', M.on_event)
        local function hidden(...) return (%s)(...) end
        box.watch('%s', hidden)
        return M]])
    local app = lib.app({})
    for version = 1, 3 do
        local label = 'v' .. version
        app.write('@.events', ('\n'):rep(version) .. text:format(callback(label), key, callback(label), other))
        if version == 1 then
            app.require('@.events')
        else
            local report = lib.reload({modules = {app.name .. '.events'}})
            t:is(report.outcome, 'reloaded', 'reloaded')
            t:is(#(report.stale or {}), 0, 'nothing stale')
        end
        t:is(event(key), label, 'by its name in version ' .. version)
        t:is(event(other), label, 'without a name in version ' .. version)
    end
    app.write('@.events', text:format(callback('broken'), key, callback('broken'), other) .. ' , error()')
    local report = lib.reload({modules = {app.name .. '.events'}})
    t:is(report.error and report.error.code, 'load_error', 'new code fails')
    t:is(event(key), 'v3', 'the serving code stays')
end)

case('triggers are no watchers', function(t)
    local key = start()
    local f = lib.old_code('return ' .. callback('trigger'), PATH)()
    box.session.on_connect(f)
    lib.defer(function() box.session.on_connect(nil, f) end)
    local txn, adapter = begin()
    txn.code(watch(key, 'new'), PATH)()
    adapter:commit()
    local is_there = false
    for _, value in pairs(debug.getregistry()) do
        is_there = is_there or value == f
    end
    t:ok(is_there or lib.has_named_triggers(), 'the slot of a trigger stays')
end)

lib.run()
