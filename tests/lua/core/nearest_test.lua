-- core/nearest.lua: finds the key of a map that is a misspelling of another one.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.nearest')
local nearest = lib.load('core.nearest')

case('a key with up to two errors is found', function(t)
    for _, wrong in ipairs({'handlr', 'handlerr', 'handlor', 'hanlder', 'handelr', 'andle', 'ahndelr'}) do
        t:is(nearest.key({[wrong] = 1}, 'handler'), wrong, wrong)
    end
    t:is(nearest.key({handles = 1, hndlr = 1}, 'handler'), 'handles', 'the closest one')
    t:is(nearest.key({handlee = 1, handled = 1}, 'handler'), 'handled', 'the first of equal ones')
end)

case('other keys are not found', function(t)
    t:is(nearest.key({module = 1, hlr = 1}, 'handler'), nil, 'more errors')
    t:is(nearest.key({handler = 1}, 'handler'), nil, 'the key itself')
    t:is(nearest.key({1, [true] = 2}, 'handler'), nil, 'keys that are not strings')
end)

lib.run()
