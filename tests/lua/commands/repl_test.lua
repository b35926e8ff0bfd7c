-- Lines typed at the command `console`.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('commands.repl')
local console = require('console')

local WORD = 'cartridge_reload_'
local environment = setmetatable({}, {__index = _G})

local function pack(...)
    return {n = select('#', ...), ...}
end

--- Returns the results of the script, without the prefix of its first word.
local function ask(what, text, from, to)
    local file = assert(io.open(lib.src .. '/commands/repl.lua', 'rb'))
    local chunk = assert(loadstring(file:read('*a'), '@cartridge-reload/commands/repl.lua'))
    file:close()
    local results = pack(chunk(environment, what, text, from, to))
    assert(results[1]:sub(1, #WORD) == WORD)
    results[1] = results[1]:sub(#WORD + 1)
    return results
end

local function typed(text)
    return ask('more', text)
end

case('results follow the word of their kind', function(t)
    for text, expected in pairs({
        ['1'] = {'done', 1}, ['return 1, 2'] = {'done', 1, 2}, ['{a = 1}'] = {'done', {a = 1}},
        ['local x = 5 return x'] = {'done', 5}, ['1 -- a comment'] = {'done', 1}, [''] = {'done'}, ['x = 1'] = {'done'},
        ['local function f()\n return 7\n end\n return f()'] = {'done', 7}, ['false, 1'] = {'done', false, 1},
    }) do
        local results = typed(text)
        t:is(results.n, #expected, 'as many: ' .. text)
        results.n = nil
        t:is_deeply(results, expected, text)
    end
    t:is(typed('nil, nil, 3').n, 4, 'nil has its place')
    t:is(typed('1, nil, nil').n, 4, 'also at the end')
end)

case('a word of the client is Lua if it is a global', function(t)
    for text, expected in pairs({
        help = 'help', ['help()'] = 'help', [' help ;'] = 'help', ['?'] = 'help', exit = 'quit', ['quit()'] = 'quit',
    }) do
        local results = typed(text)
        t:is_deeply({results[1], results[2]}, {'command', expected}, text)
    end
    t:is(ask('run', 'exit')[1], 'command', 'at the end of the input, too')
    for _, text in ipairs({'help.x', 'local quit', '{exit}', 'quit = nil'}) do
        t:isnt(typed(text)[1], 'command', text)
    end
    rawset(_G, 'quit', 5)
    rawset(environment, 'exit', 6)
    lib.defer(function()
        rawset(_G, 'quit', nil)
        rawset(environment, 'exit', nil)
    end)
    t:is_deeply({typed('quit')[1], typed('quit')[2]}, {'done', 5}, 'a global')
    t:is_deeply({typed('exit')[1], typed('exit')[2]}, {'done', 6}, 'one of the session')
    local tarantools = rawget(_G, 'help')
    rawset(_G, 'help', 'mine')
    lib.defer(function() rawset(_G, 'help', tarantools) end)
    t:is_deeply({typed('help')[1], typed('help')[2]}, {'done', 'mine'}, 'help of the application')
end)

case('nil and an error are told apart', function(t)
    t:is(typed('nil, "no"')[1], 'nil', 'nil and a text')
    t:is(typed('box.NULL, {}')[1], 'nil', 'box.NULL and a table')
    t:is(typed('nil')[1], 'done', 'nil alone')
    t:is(typed('nil, nil')[1], 'done', 'nil and nil')
    t:is(typed('1, "no"')[1], 'done', 'something and a text')
end)

case('errors are formatted like those of the console', function(t)
    local results = typed('local x = 1\nerror("on purpose")')
    t:is(results[1], 'failed', 'an error')
    t:is(results[2].error, 'console:2: on purpose', 'with its place')
    t:is_deeply(typed('error({code = 1})')[2], {error = {code = 1}}, 'a table')
    t:is(type(typed('box.error(box.error.UNKNOWN)')[2].error), 'cdata', 'an error of box')
    t:ok(typed('error()')[2].error == nil, 'nothing')
    t:is(type(typed('error()')[2].error), 'cdata', 'which is shown')
    t:is(typed('return {error = "x"}')[1], 'done', 'a table with that field is none')
end)

case('incomplete code is not run', function(t)
    environment.ran = nil
    for _, text in ipairs({
        'ran = true for i = 1, 2 do', 'ran = function()', 'if true then ran = 1', 'ran = {', 'ran = (1 +', 'ran =',
        'ran = [[text', '--[[ ran', 'repeat ran = 1', 'while true do', 'f(', '1 +', 'local function f(a,',
        'ran = [==[ ]]', 'ran = "a\\', 'not', '{1,', 'x.y(function() return 1', 'ran = "a" ..', 'if false then elseif',
    }) do
        local results = typed(text)
        t:is(results[1], 'more', text)
        t:is(results.n, 1, 'and nothing else')
    end
    t:is(environment.ran, nil, 'nothing of it ran')
end)

case('invalid code is not reported as incomplete', function(t)
    for text, message in pairs({
        ['for for'] = "'<name>' expected near 'for'", ['x = = 1'] = "unexpected symbol near '='",
        ['if true then end end'] = "'<eof>' expected near 'end'", ['a b'] = "'=' expected near 'b'",
        ['x = "abc'] = "unfinished string near '<eof>'", [')'] = "unexpected symbol near ')'",
    }) do
        local results = typed(text)
        t:is(results[1], 'failed', text)
        t:is(results[2].error, 'console:1: ' .. message, 'and says what')
    end
end)

case('at the end of input code runs or is invalid', function(t)
    local results = ask('run', 'for i = 1, 2 do')
    t:is(results[1], 'failed', 'unfinished')
    t:is(results[2].error, "console:1: 'end' expected near '<eof>'", 'the error of Lua')
    t:is(ask('run', '1')[2], 1, 'what is whole runs')
end)

case('the environment lasts for the session', function(t)
    typed('typed_here = 1')
    t:is(environment.typed_here, 1, 'an assignment')
    t:is(rawget(_G, 'typed_here'), nil, 'goes nowhere else')
    t:is(typed('typed_here + 1')[2], 2, 'and is seen later')
    t:is(typed('(getfenv(1))')[2], environment, 'it is that of the chunk')
end)

case('a transaction lasts for the session, but not after an error', function(t)
    t:is(typed('box.begin()')[1], 'failed', 'not without box.cfg')
    lib.box()
    typed('box.begin()')
    t:is(box.is_in_txn(), true, 'begun')
    typed('error("on purpose")')
    t:is(box.is_in_txn(), true, 'an error later leaves it')
    typed('box.rollback()')
    t:is(box.is_in_txn(), false, 'ended')
    t:is(typed('box.begin() error("on purpose")')[1], 'failed', 'an error in the line that begins one')
    t:is(box.is_in_txn(), false, 'ends it')
end)

case('a delimiter ends statements, and the console never waits for one', function(t)
    local storage = require('fiber').self().storage
    local session = {delimiter = ''}
    storage.console = session
    lib.defer(function()
        storage.console = nil
    end)
    local set = "require('fiber').self().storage.console.delimiter = "
    t:is(typed(set .. "'!!'")[1], 'done', 'it is set')
    t:is(session.delimiter, '', 'and hidden from the console')
    t:is(typed('1')[1], 'more', 'without it a statement goes on')
    t:is(typed('1!')[1], 'more', 'also with a part of it')
    t:is_deeply({typed('1!!')[2], typed('1!!\r')[2]}, {1, 1}, 'with it a statement ends')
    t:is(typed('1 +!!')[1], 'failed', 'complete or not')
    t:is(session.delimiter, '', 'hidden after an error')
    t:is(ask('run', '2')[2], 2, 'the end of the input ends it too')
    t:is(typed("require('fiber').self().storage.console.delimiter!!")[2], '!!', 'code sees it')
    t:is(typed('error()!!')[1], 'failed', 'an error')
    t:is(typed('3!!')[2], 3, 'leaves it set')
    t:is(typed(set .. "''!!")[1], 'done', 'it is taken back')
    t:is_deeply({typed('4')[2], typed('4!!')[1]}, {4, 'failed'}, 'and means nothing then')
end)

case('completed names are those of the console', function(t)
    local results = ask('complete', 'string.form', 0, 11)
    t:is(results[1], 'names', 'the word')
    t:is_deeply(results[2], {'string.format('}, 'one name')
    t:is(results.n, 2, 'and nothing else')
    t:is_deeply(ask('complete', 'nosuchthing', 0, 11)[2], {}, 'none')
    t:is(getmetatable(ask('complete', 'nosuchthing', 0, 11)[2]).__serialize, 'sequence', 'is an empty list')
    local names = ask('complete', 'string.', 0, 7)[2]
    t:ok(#names > 10, 'several')
    for _, name in ipairs(names) do
        t:like(name, '^string%.', name)
    end
end)

case('the number of completed names is limited, and errors give none', function(t)
    local handler = console.completion_handler
    lib.defer(function()
        console.completion_handler = handler
    end)
    console.completion_handler = function(text, from, to)
        local names = {text}
        for i = from + 1, to do
            names[i + 1] = text .. i
        end
        return names
    end
    t:is_deeply(ask('complete', 'x', 0, 2)[2], {'x1', 'x2'}, 'all')
    t:is(#ask('complete', 'x', 0, 100000)[2], 500, 'no more than that')
    console.completion_handler = function()
        error('on purpose')
    end
    t:is_deeply(ask('complete', 'x', 0, 1)[2], {}, 'an error')
    console.completion_handler = nil
    t:is_deeply(ask('complete', 'x', 0, 1)[2], {}, 'no such function')
end)

lib.run()
