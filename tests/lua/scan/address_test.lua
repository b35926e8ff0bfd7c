-- scan/address.lua: addresses of objects, read from memory.

local ffi = require('ffi')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.address')

local address = lib.load('scan.address')

local function objects()
    return {
        {}, function() end, coroutine.create(print), print, _G, coroutine.wrap(print),
        table.new(8, 0), table.new(0, 1000), string.gsub, debug.getregistry(), setmetatable({}, {__index = error}),
    }
end

case('an address equals the one printed with %p', function(t)
    local read = address.reader()
    t:is(type(read), 'function', 'this build allows it')
    for i, object in ipairs(objects()) do
        t:is(read(object), tonumber(('%p'):format(object)), ('object %d'):format(i))
        t:is(address.format(object), read(object), 'as the plain way has it')
    end
end)

case('userdata have addresses of their own', function(t)
    local seen = {}
    for _, f in ipairs({address.reader(), address.format}) do
        for _ = 1, 100 do
            local object = newproxy(true)
            table.insert(seen, object)
            local number = f(object)
            t:ok(seen[number] == nil and number % 4 == 0 and number == f(object), 'one, and the same again')
            seen[number] = true
            if t.failed > 0 then
                return
            end
        end
    end
end)

case('a compiled loop reads each address', function(t)
    local read = address.reader()
    local list, wrong = {}, 0
    for i = 1, 2000 do
        list[i] = {}
    end
    for _ = 1, 20 do
        for i = 1, 2000 do
            if read(list[i]) ~= read(list[i]) or (i > 1 and read(list[i]) == read(list[i - 1])) then
                wrong = wrong + 1
            end
        end
    end
    for i = 1, 2000 do
        if read(list[i]) ~= address.format(list[i]) then
            wrong = wrong + 1
        end
    end
    t:is(wrong, 0, 'wrong ones')
end)

case('memory of an unexpected layout is rejected', function(t)
    -- %p of another table: what is there is not what was put into ours.
    local function strange(format)
        return lib.load('scan.address', {ffi = setmetatable({
            cast = function(ctype, value)
                if ctype == 'uintptr_t' then
                    return ffi.cast(ctype, format(value))
                end
                return ffi.cast(ctype, value)
            end,
        }, {__index = ffi})}).reader()
    end
    t:is(type(strange(function(value) return value end)), 'function', 'the stub is transparent')
    local other = table.new(100, 0)
    t:is(strange(function() return address.format(other) end), nil, 'other numbers')
    t:is(strange(function() error('no') end), nil, 'an error')
    -- The marks are there, and what is before them is no address.
    local memory = ffi.new('double[32]')
    local marks = {1.2345e-200, 6.789e200, -4.2e-77}
    for i, mark in ipairs(marks) do
        memory[5 + i] = mark
    end
    memory[5] = 1
    t:is(strange(function() return tonumber(ffi.cast('uintptr_t', memory)) end), nil, 'right marks, wrong address')
end)

case('without ffi there is no reader', function(t)
    local broken = lib.load('scan.address', {ffi = {abi = ffi.abi}})
    t:is(broken.reader(), nil, 'none')
    t:is(broken.format({}) % 8, 0, 'but the plain way')
end)

lib.run()
