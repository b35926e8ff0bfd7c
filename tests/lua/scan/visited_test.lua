-- scan/visited.lua: a set of objects as bits.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.visited')

--- The module, and the same with the fallback for addresses.
local function both()
    local format = lib.load('scan.address').format
    return {
        {label = 'from memory', new = lib.load('scan.visited').new},
        {label = 'from %p', new = lib.load('scan.visited', {
            ['scan.address'] = {reader = function() return nil end, format = format},
        }).new},
    }
end

local function make(i)
    local kind = i % 4
    if kind == 0 then
        return {}
    elseif kind == 1 then
        return function() return i end
    elseif kind == 2 then
        return coroutine.create(print)
    end
    return newproxy(true)
end

case('each object is new once', function(t)
    for _, item in ipairs(both()) do
        local is_known, objects, wrong = item.new(), {}, 0
        for i = 1, 20000 do
            objects[i] = make(i)
            wrong = wrong + (is_known(objects[i]) and 1 or 0)
        end
        t:is(wrong, 0, item.label .. ': none is known before')
        for i = 1, 20000 do
            wrong = wrong + (is_known(objects[i]) and 0 or 1)
        end
        t:is(wrong, 0, item.label .. ': each is afterwards')
    end
end)

case('two sets are independent', function(t)
    for _, item in ipairs(both()) do
        local first, second, object = item.new(), item.new(), {}
        t:is(first(object), false, item.label .. ': first')
        t:is(second(object), false, 'second')
        t:is(first(object), true, 'first again')
    end
end)

case('neighbours in memory are different objects', function(t)
    -- Invented addresses: a whole page, its ends, and distant ones.
    local is_known = lib.load('scan.visited', {
        ['scan.address'] = {reader = function() return nil end, format = function(number) return number end},
    }).new()
    local wrong, count = 0, 0
    local function try(address)
        count = count + 1
        wrong = wrong + (is_known(address) and 1 or 0)
    end
    for address = 65536 * 3, 65536 * 5 - 8, 8 do
        try(address)
    end
    for _, address in ipairs({0, 8, 0xfffffff8, 0x80000000, 0x7ffffff8, 2 ^ 47 - 8, 2 ^ 46, 2 ^ 46 + 8, 2 ^ 40}) do
        try(address)
    end
    t:is(wrong, 0, ('of %d none is taken for another'):format(count))
    for address = 65536 * 3, 65536 * 5 - 8, 8 do
        wrong = wrong + (is_known(address) and 0 or 1)
    end
    t:is(wrong, 0, 'and all are known')
end)

lib.run()
