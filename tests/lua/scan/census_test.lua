-- scan/census.lua: the record of what new code has registered with libraries by the commit.

local clock = require('clock')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.census')

lib.box()

--- Takes a census of a heap in which these functions are the new code.
local function take(new_functions, seconds)
    return lib.load('scan.census').take({
        stash = {},
        is_new = function(f) return new_functions[f] or false end,
        deadline = clock.monotonic() + (seconds or 600),
        limit = math.huge,
    })
end

--- Makes the state of a library reachable from the globals.
local function hold(object)
    rawset(_G, 'census_test', object)
    lib.defer(function() rawset(_G, 'census_test', nil) end)
    return object
end

case('functions of new code in a list are registrations', function(t)
    local function new() end
    local function old() end
    local list = hold({new, old})
    local census = take({[new] = true})
    t:ok(census.is_complete, 'complete')
    t:ok(census:has({kind = 'list', holder = list}, new), 'new code')
    t:ok(not census:has({kind = 'list', holder = list}, old), 'not old code')
    t:ok(not census:has({kind = 'list', holder = {}}, new), 'not in another list')
end)

case('an entry that contains a function of new code is a registration', function(t)
    local function new() end
    local entry = {name = 'event', f = new}
    local list = hold({entry})
    local census = take({[new] = true})
    t:ok(census:has({kind = 'list', holder = list}, entry), 'a table with the function')
end)

case('registrations after the census are not in it', function(t)
    local function new() end
    local function late() end
    local list = hold({new})
    local census = take({[new] = true, [late] = true})
    table.insert(list, late)
    t:ok(not census:has({kind = 'list', holder = list}, late), 'a later registration')
end)

case('closures around a function of new code are layers', function(t)
    local function new() end
    local function around(f)
        return function() return f() end
    end
    local inner = around(new)
    local outer = around(inner)
    hold({handler = outer})
    local census = take({[new] = true})
    t:ok(census:has({kind = 'around'}, inner), 'the inner closure')
    t:ok(census:has({kind = 'around'}, outer), 'the outer closure')
    t:ok(not census:has({kind = 'around'}, around(print)), 'not a closure around other code')
end)

case('objects to which new code refers are kept', function(t)
    local object, field = {}, {}
    object.field = field
    local function new() return object end
    hold({new})
    local census = take({[new] = true})
    t:ok(census.kept[object], 'a table in an upvalue')
    t:ok(census.kept[field], 'a table in its field')
    t:ok(not census.kept[{}], 'not another table')
end)

case('a census that runs out of time is incomplete', function(t)
    local chain
    for _ = 1, 50000 do chain = {chain} end
    hold(chain)
    t:ok(not take({}, -1).is_complete, 'incomplete')
end)

case('an empty census has nothing and is incomplete', function(t)
    local census = lib.load('scan.census').new()
    t:ok(not census.is_complete, 'incomplete')
    t:ok(not census:has({kind = 'list', holder = {}}, print), 'a registration')
    t:ok(not census:has({kind = 'around'}, print), 'a layer')
end)

lib.run()
