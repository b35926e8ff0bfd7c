-- core/failure.lua: failures and the texts of errors.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.failure')

local failure = lib.load('core.failure')

case('any error value is described by one text', function(t)
    local function text_of(value)
        return (failure.describe(value))
    end
    t:is(text_of('boom'), 'boom', 'string')
    t:is(text_of(nil), 'nil', 'nil')
    t:is(text_of(false), 'false', 'false')
    t:is(text_of(42), '42', 'number')
    t:is(text_of({code = 7}), '{"code":7}', 'table')
    t:is(text_of({err = 'from errors'}), 'from errors', 'object of the errors rock')
    t:is(text_of(setmetatable({}, {__tostring = function() return 'own words' end})), 'own words', '__tostring')
    t:is(text_of(box.error.new({code = 1, reason = 'box says'})), 'box says', 'box error')
    t:like(text_of(print), 'function', 'function')
end)

case('an error value with failing metamethods is described', function(t)
    local function is_text(value, label)
        local ok, text = pcall(failure.describe, value)
        t:ok(ok and type(text) == 'string', label)
    end
    is_text(setmetatable({}, {__tostring = function() error('no') end}), '__tostring throws')
    is_text(setmetatable({}, {__tostring = function() return 5 end}), '__tostring returns no string')
    is_text(setmetatable({}, {__index = function(_, key) error('no field ' .. key) end}), '__index throws')
    is_text(setmetatable({}, {__metatable = 'locked'}), 'locked metatable')
    local loop = {}
    loop.loop = loop
    is_text(loop, 'a table that contains itself')
    is_text({f = print}, 'a table with a function')
    is_text({err = {1}}, 'err that is no string')
end)

case('the traceback of an errors object is its stack', function(t)
    local fail = failure.from({err = 'e', stack = 'stack traceback: there'}, {code = 'internal_error'}, 'elsewhere')
    t:is(fail.traceback, 'stack traceback: there', 'own stack')
    t:is(failure.from('e', {code = 'internal_error'}, 'elsewhere').traceback, 'elsewhere', 'the one that is given')
end)

case('a failure is passed through unchanged', function(t)
    local ok, err = pcall(failure.raise, {code = 'locked', message = 'm'})
    t:ok(not ok and failure.is(err), 'it is one')
    t:ok(rawequal(failure.from(err, {code = 'lua_error'}), err), 'same object')
    t:is(tostring(err), 'm', 'text')
    t:ok(not failure.is('m') and not failure.is(nil) and not failure.is({}), 'others are none')
end)

case('a call passes on arguments and results, including nil', function(t)
    local got
    local ok, a, b = failure.call(function(...)
        got = {select('#', ...), ...}
        return nil, 'second'
    end, nil, 'x', nil)
    t:is(ok, true, 'returned')
    t:is(a, nil, 'first')
    t:is(b, 'second', 'second')
    t:is(got[1], 3, 'number of arguments')
    t:is(got[3], 'x', 'argument')
end)

case('a call catches every error value', function(t)
    for _, value in ipairs({'text', 42, {1}, print}) do
        local ok, err = failure.call(function() error(value, 0) end)
        t:is(ok, false, type(value))
        t:ok(rawequal(err, value), 'as thrown')
    end
    local ok, err = failure.call(function() error() end)
    t:is(ok, false, 'nil')
    t:is(err, nil, 'as thrown')
    ok, err = failure.call(function() error(false) end)
    t:is(ok, false, 'false')
    t:is(err, false, 'as thrown')
    ok = failure.call(function() box.error({code = 1, reason = 'r'}) end)
    t:is(ok, false, 'box error')
end)

case('a call survives a stack overflow', function(t)
    local function recurse()
        return 1 + recurse()
    end
    local ok, err = failure.call(recurse)
    t:is(ok, false, 'fails')
    t:like(tostring(err), 'stack overflow', 'says so')
end)

case('a traceback shows the application and not this program', function(t)
    local app = lib.old_code('local function deep() error("boom") end\nreturn function() deep() end', '/app/a.lua')()
    -- In a new fiber, since this suite has an xpcall on its stack too.
    local traceback = lib.elsewhere(function()
        local _, _, text = failure.call(app)
        return text
    end)
    t:like(traceback, '/app/a.lua:1: in function .deep.', 'where it was thrown')
    t:like(traceback, '/app/a.lua:2:', 'who called')
    t:unlike(traceback, 'cartridge%-reload/', 'no frame of ours')
    t:unlike(traceback, "in function 'xpcall'", 'no frame that is there because of us')
end)

case('a call may yield', function(t)
    local fiber = require('fiber')
    local ok, value = failure.call(function()
        fiber.sleep(0)
        return 'woke'
    end)
    t:is(ok, true, 'returned')
    t:is(value, 'woke', 'result')
end)

lib.run()
