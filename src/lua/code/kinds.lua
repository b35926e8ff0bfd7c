--- The kinds of modules that are not reloaded. Each kind has a word for the report
-- and a description for messages. Messages name the kinds in this order.

local LIST = {
    {'rocks', 'in .rocks (--rocks reloads them too)'},
    {'system', 'installed for the whole system (--rocks reloads them too)'},
    {'preload', 'in package.preload, without a file to reload'},
    {'loader', 'from a loader of the application, without a file to reload'},
    {'no_file', 'not found on any search path, only in package.loaded'},
    {'config', 'sections of the cluster-wide config (`push` installs those)'},
    {'shared_object', 'in C'},
    {'excluded', 'excluded by --exclude'},
    {'builtin', 'built into Tarantool, or without functions'},
    -- Messages that explain why no module is selected do not name these.
    {'gone'},
    {'not_selected'},
}

-- Maps each word to itself. Reading a word that is not in the list raises an error.
local WORDS = setmetatable({}, {__index = function(_, word)
    error(('code/kinds.lua lacks the kind %s'):format(tostring(word)), 0)
end})
for _, kind in ipairs(LIST) do
    WORDS[kind[1]] = kind[1]
end

return {list = LIST, words = WORDS}
