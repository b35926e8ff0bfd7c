#!/usr/bin/env tarantool
-- The line that the client sends, as --print-lua prints it. The line is one
-- expression and no proper prefix of it compiles, so a connection that is cut
-- runs nothing; and arguments arrive unchanged.

local fio = require('fio')
local tap = require('tap')

local program = os.getenv('CARTRIDGE_RELOAD') or './build/cartridge-reload'

local function print_lua(arguments)
    local pipe = io.popen('"' .. program .. '" --print-lua ' .. arguments)
    local text = pipe:read('*a')
    pipe:close()
    local line, rest = text:match('^([^\r\n]*)\n(.*)$')
    assert(line ~= nil and rest == '', 'not one line: ' .. text:sub(1, 200))
    return line
end

--- Whether the console would run the line: first as an expression, then unchanged.
local function compiles(text)
    return loadstring('return ' .. text) ~= nil or loadstring(text) ~= nil
end

--- Returns the length of the first proper prefix, not empty, that would run.
local function running_prefix(line, lengths)
    for _, length in ipairs(lengths) do
        if length > 0 and length < #line and compiles(line:sub(1, length)) then
            return length
        end
    end
end

local function range(first, last, step)
    local list = {}
    for i = first, last, step or 1 do
        table.insert(list, i)
    end
    return list
end

--- Whether all parentheses of a line are closed only at its last byte. Strings
-- are cut out first: a prefix that ends inside one is a syntax error in any case.
-- They must not have a backslash before a quote or another backslash.
local function closes_at_end(line)
    if line:find('\\["\\]') then
        return false
    end
    local depth, rest = 0, line:gsub('"[^"]*"', '')
    for at = 1, #rest do
        local byte = rest:sub(at, at)
        depth = depth + (byte == '(' and 1 or byte == ')' and -1 or 0)
        if (depth == 0) ~= (at == #rest) then
            return false
        end
    end
    return true
end

local HOSTILE = [===['"))) os.exit(1) --[==[ \n ]] ]===] .. '\t\194\133\208\159\\'

local commands = {
    'reload', 'plan', 'status', 'reload --method native',
    [[eval "return 1"]],
}

local test = tap.test('print_lua')
test:plan(2 * #commands + 5)

for _, arguments in ipairs(commands) do
    local line = print_lua(arguments)
    test:ok(loadstring('return ' .. line) ~= nil, arguments .. ': the line is an expression')
    test:ok(closes_at_end(line), arguments .. ': parentheses stay open until the last byte')
end

local line = print_lua('reload')
test:is(running_prefix(line, range(1, 200)), nil, 'no prefix of up to 200 bytes compiles')
test:is(running_prefix(line, range(#line - 200, #line - 1)), nil, 'no prefix without up to 200 last bytes compiles')
test:is(running_prefix(line, range(1, #line, 4999)), nil, 'no other of 1 in 4999 prefixes compiles')

-- The text is passed in a file, so the shell does not interpret it.
local path = fio.pathjoin(fio.tempdir(), 'hostile.lua')
local file = fio.open(path, {'O_WRONLY', 'O_CREAT'}, tonumber('600', 8))
file:write(('return %q, "second line"'):format(HOSTILE))
file:close()
local report = loadstring('return ' .. print_lua('eval -f ' .. path))()
fio.unlink(path)
fio.rmdir(fio.dirname(path))
test:is(report.outcome, 'ok', 'quotes and brackets in an argument do not end its string')
test:is_deeply(require('yaml').decode(report.results), {HOSTILE, 'second line'}, 'the argument arrives unchanged')

os.exit(test:check() and 0 or 1)
