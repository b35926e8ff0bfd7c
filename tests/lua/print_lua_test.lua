#!/usr/bin/env tarantool
-- The line that the client sends, as --print-lua prints it: it is one
-- expression, no beginning of it is, and arguments arrive as they were.

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

--- Returns the positions of string limits: one byte before, at and after each quote.
local function around_quotes(line)
    local list, at = {}, 0
    while true do
        at = line:find('"', at + 1, true)
        if at == nil then
            return list
        end
        for i = at - 1, at + 1 do
            table.insert(list, i)
        end
    end
end

local HOSTILE = [===['"))) os.exit(1) --[==[ \n ]] ]===] .. '\t\194\133\208\159\\'

local commands = {
    'reload', 'plan', 'status', 'reload --method native',
    [[eval "return 1"]],
}

local test = tap.test('print_lua')
test:plan(3 * #commands + 5)

for _, arguments in ipairs(commands) do
    local line = print_lua(arguments)
    test:ok(loadstring('return ' .. line) ~= nil, arguments .. ': the line is an expression')
    test:is(running_prefix(line, around_quotes(line)), nil,
        arguments .. ': it is not one if cut where a string begins or ends')
    test:is(running_prefix(line, range(#line - 200, #line - 1)), nil,
        arguments .. ': it is not one if cut shortly before its end')
end

local line = print_lua('reload')
test:is(running_prefix(line, range(1, 2000)), nil, 'no prefix of up to 2000 bytes is an expression')
test:is(running_prefix(line, range(#line - 2000, #line - 1)), nil, 'none that lacks up to 2000 bytes is one')
test:is(running_prefix(line, range(2000, #line - 2000, 97)), nil, 'none of every 97th length is one')

-- The text is passed in a file, so the shell does not interpret it.
local path = fio.pathjoin(fio.tempdir(), 'hostile.lua')
local file = fio.open(path, {'O_WRONLY', 'O_CREAT'}, tonumber('600', 8))
file:write(('return %q, "second line"'):format(HOSTILE))
file:close()
local report = loadstring('return ' .. print_lua('eval -f ' .. path))()
fio.unlink(path)
fio.rmdir(fio.dirname(path))
test:is(report.outcome, 'ok', 'what is hostile is data')
test:is_deeply(require('yaml').decode(report.results), {HOSTILE, 'second line'}, 'and arrives as it was')

os.exit(test:check() and 0 or 1)
