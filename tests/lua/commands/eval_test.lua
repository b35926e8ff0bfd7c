-- The command `eval`.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.eval')
local yaml = require('yaml')

lib.box()

local function eval(code, chunk, args)
    return lib.load('commands.eval')({command = 'eval', code = code, chunk = chunk, args = args})
end

case('results are formatted like those of the console', function(t)
    for code, expected in pairs({
        ['1'] = {1}, ['return 1, 2'] = {1, 2}, ['"text"'] = {'text'}, ['local x = 5 return x'] = {5},
        ['false'] = {false}, ['true, false'] = {true, false}, ['{a = {1, 2}}'] = {{a = {1, 2}}},
        ['1 -- a comment'] = {1}, ['#!/usr/bin/env tarantool\nreturn 7'] = {7}, ['"---\\n...\\n"'] = {'---\n...\n'},
    }) do
        local report = eval(code)
        t:is(report.outcome, 'ok', code)
        t:is_deeply(yaml.decode(report.results or ''), expected, 'results')
    end
end)

case('nil keeps its position among the results', function(t)
    t:is(#yaml.decode(eval('nil').results), 1, 'one nil')
    t:is(#yaml.decode(eval('1, nil, nil').results), 3, 'nils at the end')
    t:is(eval('return').results, '---\n...\n', 'nothing')
    t:is(eval('local x = 1').results, '---\n...\n', 'a statement')
    t:is(eval('').results, '---\n...\n', 'no code')
end)

case('any error value is a failure', function(t)
    for _, code in ipairs({"error('boom')", 'error()', 'error(false)', 'error({code = 1})', 'error(print)',
        "box.error({code = 1, reason = 'r'})", 'local f f = function() return 1 + f() end return f()',
        "error(setmetatable({}, {__tostring = function() error('no') end}))"}) do
        local report = eval(code)
        t:is(report.outcome, 'failed', code)
        t:is(report.error.code, 'lua_error', 'code')
        t:is(type(report.error.message), 'string', 'message')
    end
end)

case('nil and an error are a failure, with the results', function(t)
    local report = eval("return nil, 'not today'")
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.message, 'not today', 'message')
    t:is_deeply(yaml.decode(report.results)[2], 'not today', 'results')
    t:is(eval("return nil, {err = 'from errors', stack = 's'}").error.message, 'from errors', 'an object')
    t:is(eval('return nil, nil').outcome, 'ok', 'nil, nil is none')
    t:is(eval('return box.NULL, "x"').outcome, 'failed', 'box.NULL is nil')
    t:is(eval('return false, "x"').outcome, 'ok', 'false is a result')
end)

case('a compile error has file and line', function(t)
    local report = eval('local x = 1\nlocal = 2', '@/tmp/file.lua')
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'compile_error', 'code')
    t:like(report.error.message, '^/tmp/file.lua:2:', 'file and line')
end)

case('a traceback names the file', function(t)
    local report = eval('local function f()\n error("boom")\nend\nf()', '@/tmp/file.lua')
    t:is(report.error.message, '/tmp/file.lua:2: boom', 'message')
    t:like(report.error.traceback, '/tmp/file.lua:2', 'traceback')
end)

case('an error names the line, even in an expression', function(t)
    for code, expected in pairs({
        ["error('x')"] = 'eval:1: x',
        ["1,\n error('x')"] = 'eval:2: x',
        ["return (error('x'))"] = 'eval:1: x',
        ["local n = nil\nreturn n.field"] = "^eval:2: attempt to index local 'n'",
        ["(function()\n local t = {} t.a.b = 1 end)()"] = '^eval:2: attempt to index field',
        -- A frame that is gone has no line; it must not be ours.
        ["return error('x')"] = 'eval: x',
        ["error('x', 2)"] = 'eval: x',
        ["error('x', 0)"] = 'x',
    }) do
        local message = eval(code).error.message
        if expected:sub(1, 1) == '^' then
            t:like(message, expected, code)
        else
            t:is(message, expected, code)
        end
    end
    t:is(eval("return error('x')", '@/tmp/file.lua').error.message, '/tmp/file.lua: x', 'a file')
end)

case('arguments are passed to the chunk', function(t)
    t:is_deeply(yaml.decode(eval('...', nil, {'a', '1'}).results), {'a', '1'}, 'an expression')
    t:is_deeply(yaml.decode(eval('local a, b = ... return b, a', nil, {'a', '1'}).results), {'1', 'a'}, 'a chunk')
    t:is_deeply(yaml.decode(eval("select('#', ...)").results), {0}, 'none')
    t:is_deeply(yaml.decode(eval('1;').results), {1}, 'an expression with a semicolon')
    t:is(eval('1), print(2').error.code, 'compile_error', 'half an expression')
end)

case('every value can be printed', function(t)
    for _, code in ipairs({'print', "require('fiber').self()", '0/0, 1/0, -1/0', '{print, f = print}', '1ULL',
        "require('uuid').new()", "'\\255\\254'", 'box.tuple.new({1, 2})', 'coroutine.create(print)',
        "require('ffi').new('int[3]')", 'local a = {} a.a = a return a', '_G', 'box.space', 'box'}) do
        local report = eval(code)
        t:is(report.outcome, 'ok', code .. tostring(report.error and report.error.message))
        t:is(type(report.results), 'string', 'results')
    end
end)

case('a value that cannot be printed is a failure', function(t)
    local report = eval("return setmetatable({}, {__serialize = function() error('no') end})")
    t:is(report.outcome, 'failed', 'outcome')
    t:is(report.error.code, 'bad_result', 'code')
end)

case('code may yield and sees globals', function(t)
    t:is(eval("require('fiber').sleep(0.001) return 5").outcome, 'ok', 'yields')
    rawset(_G, 'eval_global', 5)
    lib.defer(function() rawset(_G, 'eval_global', nil) end)
    t:is_deeply(yaml.decode(eval('eval_global').results), {5}, 'a global')
    t:is(lib.stash(), nil, 'and no registry is made')
end)

lib.run()
