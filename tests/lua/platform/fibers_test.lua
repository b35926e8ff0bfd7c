-- platform/fibers.lua and platform/stacks.lua: the fibers of the instance, and the
-- functions on their stacks.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.fibers')

lib.box()

local FILE = '/app/loops.lua'
local LOOP = [[
    local fiber = require('fiber')
    return function(name)
        fiber.name(name or 'loop')
        while true do fiber.sleep(0.01) end
    end
]]

--- Ends the fibers that a case may have left.
local function doom(object)
    lib.defer(function()
        pcall(object.cancel, object)
    end)
    return object
end

local function is_any()
    return true
end

local function find(list, object)
    for _, item in ipairs(list) do
        if item.id == object:id() then
            return item
        end
    end
    return nil
end

case('the functions of every fiber are listed, the entry last', function(t)
    local fibers = lib.load('platform.fibers')
    local loop = lib.old_code(LOOP, FILE)()
    local object = doom(fiber.create(loop, 'seen'))
    local list = fibers.inspect(is_any)
    local found = find(list, object)
    t:is(find(list, fiber.self()), nil, 'not the running one')
    t:ok(found ~= nil, 'found')
    t:is(found.name, 'seen', 'name')
    t:is(found.frames[#found.frames].func, loop, 'entry')
    t:like(found.frames[#found.frames].where, 'loops.lua:%d+', 'place')
end)

case('every fiber has its coroutine', function(t)
    for i = 1, 100 do
        doom(fiber.create(function() fiber.sleep(100) end)):name('sleeper')
        -- Gaps in the list of fibers, and structures that are used again.
        if i % 3 == 0 then
            fiber.create(function() fiber.sleep(0) end)
        end
    end
    fiber.sleep(0.01)
    local fibers = lib.load('platform.fibers')
    local with, ids = fibers.threads(), {}
    t:ok(with ~= nil, 'this build tells')
    for _, item in ipairs(with) do
        ids[item.id] = item.thread
    end
    local count = 0
    for _, item in ipairs(fibers.list_all()) do
        local info = ids[item.id] and debug.getinfo(ids[item.id], 1, 'S')
        if item.name == 'sleeper' and info ~= nil and info.source:find('fibers_test') then
            count = count + 1
        end
    end
    t:is(count, 100, 'each its own')
end)

case('a list that contradicts the server is rejected', function(t)
    local function threads(is_known)
        local seen = table.copy(fiber)
        seen.find = function(id)
            return is_known(id) and fiber.find(id) or nil
        end
        return lib.loader({fiber = seen})('platform.fibers').threads()
    end
    local object = doom(fiber.create(function() fiber.sleep(100) end))
    t:ok(threads(is_any) ~= nil, 'as it is')
    t:is(threads(function(id) return id ~= object:id() end), nil, 'one that is not known')
end)

case('joinable fibers are recognised', function(t)
    local fibers = lib.load('platform.fibers')
    local joinable = doom(fiber.create(function() fiber.sleep(100) end))
    local other = doom(fiber.create(function() fiber.sleep(100) end))
    joinable:set_joinable(true)
    local list = fibers.threads()
    t:is(find(list, joinable).is_joinable, true, 'one that can')
    t:is(find(list, other).is_joinable, false, 'one that cannot')
    joinable:set_joinable(false)
    t:is(find(fibers.threads(), joinable).is_joinable, false, 'one that cannot any more')
end)

case('requests are told from loops', function(t)
    local fibers = lib.load('platform.fibers')
    local loop = lib.old_code(LOOP, FILE)()
    local function is_old(f)
        return debug.getinfo(f, 'S').source == '@' .. FILE
    end
    local serve = lib.old_code('return function(f) f() end', '/rocks/server.lua')()
    local request = doom(fiber.create(serve, function() loop('request') end))
    local background = doom(fiber.create(loop, 'background'))
    local helper = doom(fiber.create(loop, 'helper'))
    helper:set_joinable(true)
    local inner = doom(fiber.create(serve, coroutine.wrap(function() loop('inner') end)))
    local other = doom(fiber.create(serve, function() fiber.sleep(100) end))
    local list = fibers.inspect(is_old)
    t:is(find(list, request).is_request, true, 'old code further up')
    t:is(find(list, background).is_request, false, 'a loop')
    t:is(find(list, helper).is_request, true, 'joinable')
    t:is(find(list, inner).is_request, true, 'in a coroutine')
    t:is(find(list, other), nil, 'no old code')
end)

case('protected calls are recognised', function(t)
    local stacks = lib.load('platform.stacks')
    local channel = fiber.channel(1)
    local function verdict(f)
        local thread
        doom(fiber.create(function()
            thread = coroutine.running()
            f()
            return nil
        end))
        local frames = stacks.frames_of(thread)
        local _, index = stacks.entry_of(frames)
        return stacks.is_protected(frames, index)
    end
    t:is(verdict(function() fiber.sleep(100) end), false, 'none')
    t:is(verdict(function() channel:get() end), false, 'none, in C')
    t:is(verdict(function() pcall(fiber.sleep, 100) end), true, 'pcall')
    t:is(verdict(function() xpcall(fiber.sleep, print, 100) end), true, 'xpcall')
    t:is(verdict(function() pcall(function() fiber.sleep(100) return nil end) end), true, 'further down')
    t:is(verdict(function() coroutine.resume(coroutine.create(fiber.sleep), 100) end), true, 'coroutine.resume')
    t:is(verdict(function() coroutine.wrap(function() fiber.sleep(100) end)() end), false, 'coroutine.wrap')
    t:is(verdict(function() coroutine.wrap(function() pcall(fiber.sleep, 100) end)() end), true,
        'inside of a coroutine')
    t:is(verdict(function() ('x'):gsub('x', function() fiber.sleep(100) end) end), false, 'string.gsub')
    if box.atomic ~= nil then
        t:is(verdict(function() box.atomic(fiber.sleep, 100) end), true, 'box.atomic')
    end
end)

case('arguments of a fiber are found', function(t)
    local stacks = lib.load('platform.stacks')
    local function has_arguments(f, ...)
        local object = doom(fiber.create(f, ...))
        local item = find(lib.load('platform.fibers').inspect(is_any), object)
        return stacks.has_arguments(item.entry)
    end
    t:is(has_arguments(function() fiber.sleep(100) end), false, 'none')
    t:is(has_arguments(function() fiber.sleep(100) end, 1), false, 'one that nobody takes')
    t:is(has_arguments(function(a) fiber.sleep(100) return a end, 1), true, 'one')
    t:is(has_arguments(function(a) fiber.sleep(100) return a end), false, 'one that was not given')
    t:is(has_arguments(function(...) fiber.sleep(100) return ... end, 1), true, 'any')
    t:is(has_arguments(function(...) fiber.sleep(100) return ... end), false, 'any, none given')
end)

case('a yield of a fiber is noticed', function(t)
    local fibers = lib.load('platform.fibers')
    local has_yielded = fibers.watch_yield()
    t:is(has_yielded(), false, 'not yet')
    fiber.sleep(0)
    t:is(has_yielded(), true, 'sleep')
    has_yielded = fibers.watch_yield()
    fiber.yield()
    t:is(has_yielded(), true, 'yield')
end)

case('inspecting leaves no fiber behind', function(t)
    local fibers = lib.load('platform.fibers')
    local count = #fibers.list_all()
    for _ = 1, 20 do
        fibers.inspect(is_any)
    end
    t:ok(lib.wait(function() return #fibers.list_all() <= count end), 'as many as before')
end)

case('inspecting a busy server does not crash it', function(t)
    local fibers = lib.load('platform.fibers')
    local stop, done = false, 0
    for i = 1, 40 do
        doom(fiber.create(function()
            while not stop do
                if i % 2 == 0 then
                    fiber.sleep(0)
                else
                    fiber.yield()
                end
            end
        end))
    end
    for i = 1, 300 do
        fibers.inspect(is_any)
        done = i
        if i % 3 == 0 then
            fiber.sleep(0.0001)
        end
    end
    stop = true
    t:is(done, 300, 'times')
end)

case('other fibers run while a thousand fibers are inspected', function(t)
    local longest, last, pauses = 0, 0, 0
    local fibers = lib.load('platform.fibers', {['core.yield'] = {if_due = function()
        pauses = pauses + 1
        longest, last = math.max(longest, lib.worked() - last), lib.worked()
    end}})
    local loop = lib.old_code('return function() require("fiber").sleep(100) end', FILE)()
    for _ = 1, 1000 do
        doom(fiber.create(loop))
    end
    local list
    local work = lib.work(function() list = fibers.inspect(is_any) end)
    t:ok(#list >= 1000, 'all of them')
    t:ok(pauses >= 1000, 'at each of them')
    longest = math.max(longest, work - last)
    t:ok(longest < 400, ('%d of %d thousand instructions at a time'):format(longest, work))
end)

lib.run()
