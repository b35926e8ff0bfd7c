--- The kinds of modules that are not reloaded. Each kind has a word for the report, and
-- most have a description for messages. Messages list the kinds in this order.

local LIST = {
    {'rocks', 'in .rocks (use --rocks to reload them too)'},
    {'system', 'installed system-wide (use --rocks to reload them too)'},
    {'preload', 'in package.preload, so there is no file to reload'},
    {'loader', "loaded by the application's own loader, so there is no file to reload"},
    {'no_file', 'not found on any search path, only in package.loaded'},
    {'config', 'sections of the cluster-wide config (use `push` to install them)'},
    {'shared_object', 'in C'},
    {'excluded', 'excluded by --exclude'},
    {'builtin', 'built into Tarantool, or without functions'},
    -- The kinds below need no description, because messages about an empty selection do
    -- not list them.
    {'gone'},
    {'not_selected'},
}

-- Maps the word for each kind to itself. Indexing the table with any other key raises an
-- error.
local WORDS = setmetatable({}, {__index = function(_, word)
    error(('code/kinds.lua does not define the kind %s'):format(tostring(word)), 0)
end})
for _, kind in ipairs(LIST) do
    WORDS[kind[1]] = kind[1]
end

return {list = LIST, words = WORDS}
