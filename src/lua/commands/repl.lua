--- What is typed at the command `console`, and its completion.
--
-- The one script that runs by itself, without boot.lua, as it is sent with each
-- line. It compiles and runs what was typed the way the console of Tarantool
-- does, in the same session. The first result is a word that tells what the
-- others are, so that an error is not the same as a table with a field `error`.
--
-- Arguments: the environment of the session; what to do; the text; for a
-- completion, where in the line it begins and ends.
--
-- - `more`: run the text unless it is the beginning of something longer
-- - `run`: run it in any case
--
-- For both, a text that is a command of the client and no global is its name.
--
-- - `complete`: the names that begin so

local env, what, text, from, to = ...
local fiber = require('fiber')

-- More names than that are of no use to anybody.
local NAMES_MAX = 500

local function word(name)
    return 'cartridge_reload_' .. name
end

if what == 'complete' then
    local ok, names = pcall(require('console').completion_handler, text, from, to)
    local list = setmetatable({}, {__serialize = 'sequence'})
    if ok and type(names) == 'table' then
        -- The first is what all of them have in common.
        for i = 2, math.min(#names, NAMES_MAX + 1) do
            list[i - 1] = names[i]
        end
    end
    return word('names'), list
end

-- What people type to a console, and which command of the client they mean by it.
local COMMANDS = {help = 'help', ['help()'] = 'help', ['?'] = 'help', exit = 'quit', ['exit()'] = 'quit', quit = 'quit',
    ['quit()'] = 'quit'}

-- Whether a name is a global of the application. Tarantool's own help is none: it is about commands that its console
-- has and this one does not.
local function is_global(name)
    local value = rawget(env, name)
    if value == nil then
        value = rawget(_G, name)
    end
    local own = package.loaded.help
    return value ~= nil and not (type(own) == 'table' and rawequal(value, own.help))
end

-- `console.delimiter(d)` makes the console of the instance wait for `d` behind each line, which the client does not
-- send: without this, neither side would ever hear from the other again. The delimiter is kept here and looked for
-- in the text, so that scripts written for the console of Tarantool mean the same.
local session = fiber.self().storage.console
session = type(session) == 'table' and type(session.delimiter) == 'string' and session or {delimiter = ''}
local DELIMITER = word('delimiter')
local delimiter = fiber.self().storage[DELIMITER] or ''

if delimiter ~= '' then
    local line = text:gsub('\r$', '')
    if line:sub(-#delimiter) == delimiter then
        text, what = line:sub(1, -#delimiter - 1), 'run'
    elseif what == 'more' then
        return word('more')
    end
end

local typed = text:match('^%s*(.-)%s*;?%s*$')
if COMMANDS[typed] ~= nil and not is_global(typed:match('^%a*')) then
    return word('command'), COMMANDS[typed]
end

local function compile(code)
    return loadstring(code, '=console')
end

local function ends_too_early(err)
    return err ~= nil and err:match("near '?<eof>'?$") ~= nil
end

-- Whether code with this error is the beginning of something. With the end of
-- its last line, without which a string that lacks its quote would be one and
-- not wrong.
local function is_unfinished(code, err)
    return ends_too_early(err) and ends_too_early(select(2, compile(code .. '\n')))
end

-- `box` without box.cfg raises an error.
local function is_in_transaction()
    local ok, result = pcall(function()
        return box.is_in_txn()
    end)
    return ok and result
end

-- What failed may have begun a transaction; the next line is not to be in it.
local function finish(began_before, ok, ...)
    fiber.self().storage[DELIMITER] = session.delimiter
    session.delimiter = ''
    if ok then
        local first, second = ...
        -- The convention of Tarantool: nil and an error.
        return word(first == nil and second ~= nil and 'nil' or 'done'), ...
    end
    if not began_before and is_in_transaction() then
        box.rollback()
    end
    local err = ...
    return word('failed'), {error = err == nil and box.NULL or err}
end

local chunk, expression_err = compile('return ' .. text)
if chunk == nil then
    local err
    chunk, err = compile(text)
    if chunk == nil then
        if what == 'more' and (is_unfinished(text, err) or is_unfinished('return ' .. text, expression_err)) then
            return word('more')
        end
        return word('failed'), {error = err}
    end
end
-- The code sees the delimiter that it has set.
session.delimiter = delimiter
return finish(is_in_transaction(), pcall(setfenv(chunk, env)))
