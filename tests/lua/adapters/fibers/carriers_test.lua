-- adapters/fibers/carriers.lua: loops of libraries that new code has started again.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.fibers.carriers')

lib.box()

-- A rock with timers, one for each way to pass a function to a fiber.
local TIMERS = [[
    local fiber = require('fiber')
    local create = fiber.create
    local M = {list = {}}
    local function loop(name, f) while true do f() fiber.sleep(0.002) end end
    local function turn(f) fiber.sleep(0.01) f() create(turn, f) end
    function M.upvalue(f) create(function() while true do f() fiber.sleep(0.002) end end) end
    function M.argument(f) create(loop, 'x', f) end
    function M.named(name, f) create(loop, name, f) end
    function M.turns(f) create(turn, f) end
    function M.object(f)
        local timer = {fn = f}
        create(function(t) while true do t.fn() fiber.sleep(0.002) end end, timer)
        return timer
    end
    function M.pool(...)
        local all = {...}
        create(function() while true do for _, f in ipairs(all) do f() end fiber.sleep(0.002) end end)
    end
    return M
]]

-- "%s" is the version, and then how it starts its timers.
local SHOP = [[
    local timers = require('carried_timers')
    local counts = rawget(_G, 'carried_counts')
    local M = {}
    local function count(name) counts[name .. '%s'] = (counts[name .. '%s'] or 0) + 1 end
    function M.tick() count('tick') end
    function M.tock() count('tock') end
    %s
    return M
]]

local function shop(version, text)
    return (SHOP:gsub('%%s', version, 2):gsub('%%s', function() return text end))
end

local function start(text)
    local directory = lib.directory()
    lib.write(directory .. '/.rocks/share/tarantool/carried_timers.lua', TIMERS)
    local path = package.path
    package.path = directory .. '/.rocks/share/tarantool/?.lua;' .. path
    local before = {}
    for id in pairs(fiber.info({backtrace = false})) do
        before[id] = true
    end
    lib.defer(function()
        package.path, package.loaded['carried_timers'] = path, nil
        rawset(_G, 'carried_counts', nil)
        for _ = 1, 3 do
            for id in pairs(fiber.info({backtrace = false})) do
                if not before[id] then
                    pcall(fiber.cancel, id)
                end
            end
            fiber.sleep(0)
        end
    end)
    rawset(_G, 'carried_counts', {})
    local app = lib.app({['@'] = shop('1', text)})
    app.require('@')
    return app
end

--- Returns the number of fibers whose entry function is the rock's.
local function count_timers()
    local count = 0
    for key, thread in next, debug.getregistry() do
        local level, source = 0, nil
        while type(key) == 'number' and type(thread) == 'thread' do
            local info = debug.getinfo(thread, level, 'S')
            if info == nil then
                break
            end
            level, source = level + 1, info.source
        end
        count = count + (source and source:find('carried_timers', 1, true) and 1 or 0)
    end
    return count
end

--- Returns the functions that are called.
local function called()
    local counts = rawget(_G, 'carried_counts')
    for name in pairs(counts) do
        counts[name] = nil
    end
    fiber.sleep(0.05)
    local names = {}
    for name in pairs(counts) do
        table.insert(names, name)
    end
    table.sort(names)
    return table.concat(names, ' ')
end

local function reload(app, version, text)
    app.write('@', shop(version, text))
    return lib.reload({modules = {app.name .. '*'}})
end

for name, text in pairs({
    ['an upvalue'] = 'timers.upvalue(M.tick)',
    ['an argument'] = 'timers.argument(M.tick)',
    ['an object'] = 'timers.object(M.tick)',
    ['a fiber for each turn'] = 'timers.turns(M.tick)',
    ['a function without a name'] = "timers.upvalue(function() count('tick') end)",
}) do
    case('after the reload there is one timer: ' .. name, function(t)
        local app = start(text)
        for version = 2, 3 do
            local report = reload(app, tostring(version), text)
            t:is(report.outcome, 'reloaded', 'outcome')
            t:is(called(), 'tick' .. version, 'the new code is called')
            t:is(count_timers(), 1, 'by one fiber')
            t:is(#report.stale, 0, 'nothing is stale')
        end
    end)
end

case('timers with different names are kept apart', function(t)
    local app = start("timers.named('a', M.tick) timers.named('b', M.tock)")
    local report = reload(app, '2', "timers.named('a', M.tick)")
    t:is(report.outcome, 'reloaded', 'outcome')
    t:is(called(), 'tick2 tock2', 'the other one goes on')
    t:is(count_timers(), 2, 'as two fibers')
end)

case('a timer that new code does not start keeps running', function(t)
    local app = start('timers.upvalue(M.tick)')
    reload(app, '2', '')
    t:is(called(), 'tick2', 'with the new function')
    t:is(count_timers(), 1, 'as one fiber')
end)

case('a fiber that also does other work keeps running', function(t)
    local app = start('timers.pool(M.tick, M.tock)')
    reload(app, '2', 'timers.pool(M.tick)')
    t:is(called(), 'tick2 tock2', 'both are called')
    t:is(count_timers(), 2, 'by two fibers')
end)

lib.run()
