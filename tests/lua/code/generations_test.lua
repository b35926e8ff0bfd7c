-- code/generations.lua: the generation of a function.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('code.generations')

local PATH, SOURCE = '/app/m.lua', '@/app/m.lua'

local generations = lib.load('code.generations')

local function new_registry()
    return {
        sources = {},
        aliases = {},
        units = setmetatable({}, {__mode = 'k'}),
        protos = setmetatable({}, {__mode = 'k'}),
        failed = setmetatable({}, {__mode = 'k'}),
    }
end

--- Loads a file as the serving generation.
local function load_generation(stash, generation, text, path)
    local ownership = lib.load('code.ownership').new()
    local chunk = assert(loadstring(text, '@' .. (path or PATH)))
    ownership:record(chunk, path or PATH)
    generations.record(stash, ownership, generation)
    return chunk()
end

local TEXT = 'return {get = function() end, make = function() return function() end end}'

case('before the first reload nothing is stale', function(t)
    local old = assert(loadstring(TEXT, SOURCE))()
    t:is(generations.classify(new_registry(), old.get), 'other', 'of a file')
end)

case('code from before the first reload is stale after it', function(t)
    local stash = new_registry()
    local old = assert(loadstring(TEXT, SOURCE))()
    local new = load_generation(stash, 1, TEXT)
    local class, source, line, generation = generations.classify(stash, old.get)
    t:is(class, 'stale', 'old')
    t:is(source, SOURCE, 'source')
    t:is(line, 1, 'line')
    t:is(generation, nil, 'of a generation that is not known')
    t:is(generations.classify(stash, new.get), 'current', 'new')
    t:is(generations.classify(stash, new.make()), 'current', 'a closure that new code makes')
    t:is(generations.classify(stash, old.make()), 'stale', 'a closure that old code makes')
end)

case('new code is never classified as old while it is recorded', function(t)
    local stash = new_registry()
    load_generation(stash, 1, TEXT)
    local ownership = lib.load('code.ownership').new()
    local chunk = assert(loadstring(TEXT, SOURCE))
    ownership:record(chunk, PATH)
    local new = chunk()
    local pauses, stale = 0, 0
    local recording = lib.load('code.generations', {['core.yield'] = {if_due = function()
        pauses = pauses + 1
        for _, f in ipairs({new.get, new.make, new.make()}) do
            stale = stale + (generations.classify(stash, f) == 'stale' and 1 or 0)
        end
        error('the fiber has been cancelled')
    end}})
    recording.record(stash, ownership, 2)
    t:ok(pauses >= 4, 'others run in between')
    t:is(stale, 0, 'it is not stale meanwhile')
    t:is(generations.classify(stash, new.get), 'current', 'it is recorded, even in a cancelled fiber')
end)

case('generations are told apart', function(t)
    local stash = new_registry()
    local first = load_generation(stash, 1, TEXT)
    local second = load_generation(stash, 2, TEXT)
    local class, _, _, generation = generations.classify(stash, first.get)
    t:is(class, 'stale', 'first')
    t:is(generation, 1, 'its number')
    t:is(generations.classify(stash, second.get), 'current', 'second')
    t:is(generations.count_alive(stash), 2, 'both are alive')
end)

case('code of a file that was not loaded again is current', function(t)
    local stash = new_registry()
    local kept = load_generation(stash, 1, TEXT, '/app/kept.lua')
    load_generation(stash, 1, TEXT)
    load_generation(stash, 2, TEXT)
    t:is(generations.classify(stash, kept.get), 'current', 'kept')
end)

case('code of a file that is gone is stale', function(t)
    local stash = new_registry()
    local old = load_generation(stash, 1, TEXT)
    local ownership = lib.load('code.ownership').new()
    ownership:forget(PATH)
    generations.record(stash, ownership, 2)
    t:is(generations.classify(stash, old.get), 'stale', 'old')
end)

case('functions of C, of strings and of the program have their own classes', function(t)
    local stash = new_registry()
    load_generation(stash, 1, TEXT)
    -- Newer servers have a `print` in Lua.
    t:is(generations.classify(stash, rawequal), 'c', 'C')
    t:is(generations.classify(stash, coroutine.wrap(print)), 'c', 'wrapped coroutine')
    t:is(generations.classify(stash, lib.load('core.yield').if_due), 'ours', 'ours')
    t:is(generations.classify(stash, require('fio').open), 'other', 'built in')
    local class, _, line = generations.classify(stash, assert(loadstring('return 1')))
    t:is(class, 'text', 'text')
    t:is(line, 0, 'its line')
    t:is(generations.classify(stash, assert(loadstring('return function() end'))()), 'text', 'within text')
    t:is(generations.classify(stash, assert(loadstring('return 1', '=eval'))), 'other', 'text with a name')
    t:isnt(generations.classify(stash, table.remove), 'text', 'functions of LuaJIT are no text')
end)

case('code compiled from strings by new code is known by its name only', function(t)
    local stash = new_registry()
    local new = load_generation(stash, 1, 'return {run = loadstring("return 1", "@' .. PATH .. '")}')
    t:is(generations.classify(stash, new.run), 'stale', 'it says it is of the file, and it is not')
end)

case('code that failed is stale in any case', function(t)
    local stash = new_registry()
    local ownership = lib.load('code.ownership').new()
    local chunk = assert(loadstring(TEXT, SOURCE))
    ownership:record(chunk, PATH)
    generations.record_failed(stash, ownership)
    local left, serving = chunk(), assert(loadstring(TEXT, SOURCE))()
    local class, source, line, generation = generations.classify(stash, left.get)
    t:is(class, 'stale', 'at the first reload')
    t:is(source, SOURCE, 'source')
    t:is(line, 1, 'line')
    t:is(generation, nil, 'it never was one')
    t:is(generations.classify(stash, serving.get), 'other', 'what serves is not')
    local new = load_generation(stash, 1, TEXT)
    t:is(generations.classify(stash, left.make()), 'stale', 'after a good reload')
    t:is(generations.classify(stash, new.get), 'current', 'and what serves then is not')
    chunk, left, ownership = nil, nil, nil -- luacheck: ignore
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(next(stash.failed), nil, 'it is not kept')
end)

case('records do not keep code alive', function(t)
    local stash = new_registry()
    for generation = 1, 10 do
        load_generation(stash, generation, TEXT)
    end
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(generations.count_alive(stash), 0, 'none')
    local kept = load_generation(stash, 11, TEXT)
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(generations.count_alive(stash), 1, 'one')
    t:is(generations.classify(stash, kept.get), 'current', 'the one that is held')
end)

lib.run()
