-- reload/image.lua: the record of what every object held before new code ran.

local clock = require('clock')
local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.image')

lib.box()

--- Makes an object reachable from the globals, where the image finds it.
local function hold(object)
    rawset(_G, 'image_test', object)
    lib.defer(function() rawset(_G, 'image_test', nil) end)
    return object
end

local function take(seconds)
    return lib.load('reload.image').take({
        stash = {},
        deadline = clock.monotonic() + (seconds or 60),
        limit = math.huge,
    })
end

case('the image has the entries and the metatable of a table', function(t)
    local meta, inner = {}, {}
    local object = hold(setmetatable({1, 'two', inner = inner}, meta))
    local image = take()
    object[1], object.inner, object.fresh = 'changed', nil, true
    setmetatable(object, nil)
    local record = image:find(object)
    t:is_deeply(record.entries, {1, 'two', inner = {}}, 'entries before the change')
    t:is(record.entries.inner, inner, 'the same inner object')
    t:is(record.metatable, meta, 'metatable before the change')
    t:ok(image:find(inner) ~= nil, 'inner objects are recorded too')
    t:ok(image.is_complete, 'complete')
end)

case('the image has the upvalues and the environment of a function', function(t)
    local value, environment = 'before', {}
    local function f() return value end
    hold(setfenv(f, environment))
    local image = take()
    value = 'after'
    local record = image:find(f)
    t:is(f(), 'after', 'the upvalue has changed')
    t:is(record.upvalues[1], 'before', 'the image has the value before')
    t:is(record.environment, environment, 'environment')
end)

case('objects created after the image are not in it', function(t)
    local image = take()
    t:is(image:find({}), nil, 'a table')
    t:is(image:find(function() return image end), nil, 'a function')
end)

case('of a table with more than 10000 entries only the existence is recorded', function(t)
    local large, inner = {}, {}
    for i = 1, 10001 do large[i] = i end
    large.inner = inner
    hold({large})
    local image = take()
    t:ok(image:find(large) ~= nil, 'the table is known')
    t:is(image:find(large).entries, nil, 'without its entries')
    t:is(image:find(inner), nil, 'objects that only it holds are unknown')
end)

case('fibers that ran when the image was taken are known', function(t)
    local before = fiber.create(function() fiber.sleep(100) end)
    local image = take()
    local after = fiber.create(function() fiber.sleep(100) end)
    t:ok(image:has_fiber(before:id()), 'a fiber from before')
    t:ok(not image:has_fiber(after:id()), 'a fiber from later')
    before:cancel()
    after:cancel()
end)

case('entries that old code has removed since are forgotten, and lists have no gaps', function(t)
    local gone, moved = {}, {}
    local map = {gone = gone, moved = moved, changed = 1}
    local list = {'a', 'b', 'c'}
    hold({map, list})
    local image = take()
    map.gone, map.moved, map.other, map.changed = nil, nil, moved, 2
    table.remove(list, 2)
    image:forget_removed()
    t:is_deeply(image:find(map).entries, {moved = {}}, 'a value under another key stays, others go')
    t:is_deeply(image:find(list).entries, {'a', 'c'}, 'a list closes its gaps')
end)

case('an image that runs out of time is incomplete', function(t)
    local chain
    for _ = 1, 50000 do chain = {chain} end
    hold(chain)
    t:ok(not take(-1).is_complete, 'incomplete')
end)

lib.run()
