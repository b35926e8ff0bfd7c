--- Runs or completes the Lua text that the user types in the `console` command.
--
-- This script is sent with each line, so the request must be short. Therefore, unlike all
-- other scripts, it runs without boot.lua. It runs the text as Tarantool's console does,
-- in the same session. The first result is a word that says what the other results mean.
-- For example, it distinguishes an error from a table that has an `error` field.
--
-- The arguments are the environment of the session, the action and the text. Completion
-- uses two more arguments: the positions at which the word to complete starts and ends.
--
-- The action is one of
--   more      run the text, unless it is incomplete
--   run       run the text, even if it seems incomplete
--   complete  return the names that can complete the word
--
-- If the text is a command of the client, such as `quit`, the script returns the name
-- of the command. But if the application has a global variable of that name, the script
-- runs the text.

local env, what, text, from, to = ...
local fiber = require('fiber')

-- The maximum number of names that a completion returns.
local NAMES_MAX = 500

local function word(name)
    return 'cartridge_reload_' .. name
end

if what == 'complete' then
    local ok, names = pcall(require('console').completion_handler, text, from, to)
    local list = setmetatable({}, {__serialize = 'sequence'})
    if ok and type(names) == 'table' then
        -- Skip the first entry, which is the common prefix of all names.
        for i = 2, math.min(#names, NAMES_MAX + 1) do
            list[i - 1] = names[i]
        end
    end
    return word('names'), list
end

-- Maps what users of other consoles type out of habit to the corresponding commands of
-- this client.
local COMMANDS = {help = 'help', ['help()'] = 'help', ['?'] = 'help', exit = 'quit', ['exit()'] = 'quit', quit = 'quit',
    ['quit()'] = 'quit'}

-- Returns whether the application has a global variable of a given name. Tarantool's
-- own `help` does not count, because it describes commands that this console lacks.
local function is_global(name)
    local value = rawget(env, name)
    if value == nil then
        value = rawget(_G, name)
    end
    local own = package.loaded.help
    return value ~= nil and not (type(own) == 'table' and rawequal(value, own.help))
end

-- After `console.delimiter(d)`, the instance's own console would wait for a line that
-- ends with `d`. The requests of the client usually do not end with `d`, so the client
-- and that console would wait forever.
-- Therefore this script hides the delimiter from that console, and checks on its own
-- whether the user's input ends with it. So scripts that set a delimiter work as in
-- Tarantool's console.
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

-- Returns whether a compile error means that the code is incomplete. Compiles the code
-- again with a newline at its end. Without the newline, a string that lacks its closing
-- quote would look incomplete instead of wrong.
local function is_unfinished(code, err)
    return ends_too_early(err) and ends_too_early(select(2, compile(code .. '\n')))
end

-- The `pcall` is needed because `box.is_in_txn` raises an error before box.cfg().
local function is_in_transaction()
    local ok, result = pcall(function()
        return box.is_in_txn()
    end)
    return ok and result
end

-- Returns the results of a line. If the line has begun a database transaction and
-- failed, rolls the transaction back, so that the next line is not part of it.
local function finish(began_before, ok, ...)
    fiber.self().storage[DELIMITER] = session.delimiter
    session.delimiter = ''
    if ok then
        local first, second = ...
        -- In Tarantool, a function reports an error by returning nil and an error
        -- value.
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
-- If an earlier line has set a delimiter, let the code of this line see it.
session.delimiter = delimiter
return finish(is_in_transaction(), pcall(setfenv(chunk, env)))
