-- core/stash.lua: the state kept in the instance, and the lock.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.stash')

lib.box()

local function begin()
    lib.defer(function() rawset(_G, '__cartridge_reload', nil) end)
    return lib.load('core.stash')
end

case('reading the registry does not create it', function(t)
    local stash = begin()
    t:is(stash.peek().generation, 0, 'generation')
    t:is(stash.holder(), nil, 'holder')
    t:is(lib.stash(), nil, 'no global')
end)

case('the registry is one global, also under strict', function(t)
    local stash = begin()
    require('strict').on()
    lib.defer(function() require('strict').off() end)
    local self = stash.get()
    t:is(stash.get(), self, 'the same again')
    t:is(lib.load('core.stash').get(), self, 'also for another run')
    t:is(stash.peek(), self, 'also to look at')
    t:is(rawget(_G, stash.NAME), self, 'global')
end)

case('the lock can be taken once', function(t)
    local stash = begin()
    local lock = stash.acquire('me')
    t:ok(lock ~= nil, 'taken')
    local again, held = stash.acquire('you')
    t:is(again, nil, 'not twice')
    t:is(held.holder, 'me', 'who holds it')
    t:is(type(held.seconds), 'number', 'for how long')
    t:ok(held.seconds >= 0, 'not negative')
    stash.release(lock)
    t:is(stash.holder(), nil, 'given back')
    t:ok(stash.acquire('you') ~= nil, 'and taken by another')
end)

case('a lock of a dead fiber can be taken', function(t)
    local stash = begin()
    local lock
    local holder = fiber.create(function()
        lock = stash.acquire('the dead')
        fiber.sleep(100)
    end)
    t:is(stash.holder().holder, 'the dead', 'while it lives')
    holder:cancel()
    t:ok(lib.wait(function() return holder:status() == 'dead' end), 'dies')
    t:is(stash.holder(), nil, 'nobody')
    local mine = stash.acquire('me')
    t:ok(mine ~= nil, 'taken over')
    stash.release(lock)
    t:is(stash.holder().holder, 'me', 'the old holder cannot release it')
end)

case('a registry of another version is not used', function(t)
    local stash = begin()
    local first = stash.get()
    first.version, first.generation, first.files = 'another', 7, 'in another way'
    first.last = {outcome = 'failed'}
    local second = stash.get()
    t:is(second.generation, 7, 'the generation goes on')
    t:is(second.last.outcome, 'failed', 'and how the last one ended')
    t:is(next(second.files), nil, 'what cannot be understood is not known')
    t:is(stash.get(), second, 'once')
end)

case('read-only commands do not use another layout either', function(t)
    local state = begin()
    for _, left in ipairs({
        {version = 'another', generation = 7, files = 'in another way', sources = 1, protos = 2, failed = {1}},
        {version = 1, generation = 'seven'},
        {},
        'text',
    }) do
        rawset(_G, '__cartridge_reload', left)
        local self = state.peek()
        t:is(type(self.generation), 'number', 'the generation is a number')
        t:is(next(self.files), nil, 'files')
        t:is(next(self.sources), nil, 'sources')
        t:is(next(self.failed), nil, 'failed')
        t:is(rawget(_G, '__cartridge_reload'), left, 'and nothing is changed')
        t:is(state.holder(), nil, 'nobody holds the lock')
        for _, command in ipairs({'plan', 'stale'}) do
            local ok, report = pcall(lib.load('commands.' .. command), {command = command, timeout = 60})
            t:ok(ok, command .. ' ends: ' .. tostring(report))
            local code = ok and report.error and report.error.code
            t:ok(code == nil or code == 'no_modules', command .. ': no other error than that nothing is loaded')
        end
    end
end)

case('a lock in another layout is respected if it can be read', function(t)
    local state = begin()
    local holder = fiber.create(fiber.sleep, 100)
    rawset(_G, '__cartridge_reload', {version = 'another', lock = {fiber = holder, holder = 'the other'}})
    t:is(state.holder().holder, 'the other', 'it holds')
    t:is(state.holder().seconds, 0, 'for nobody knows how long')
    holder:cancel()
    t:ok(lib.wait(function() return holder:status() == 'dead' end), 'dies')
    t:is(state.holder(), nil, 'nobody')
    rawset(_G, '__cartridge_reload', {version = 'another', lock = {owner = 'of another kind'}})
    t:is(state.holder(), nil, 'a lock of another kind')
end)

case('the registry holds code and values weakly', function(t)
    local stash = begin().get()
    for _, name in ipairs({'protos', 'units', 'failed', 'tables', 'routes', 'placed'}) do
        stash[name][{}] = name
    end
    stash.values.x = {}
    collectgarbage()
    collectgarbage()
    for _, name in ipairs({'protos', 'units', 'failed', 'tables', 'routes', 'placed', 'values'}) do
        t:is(next(stash[name]), nil, name)
    end
end)

lib.run()
