--- The kinds of modules that a reload leaves alone: words of the report, with
-- descriptions to be put into messages, in the order of messages.

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
    -- These are not the reason if no module is left.
    {'gone'},
    {'not_selected'},
}

-- Each word by itself: a word that is not in the list is an error.
local WORDS = setmetatable({}, {__index = function(_, word)
    error(('code/kinds.lua lacks the kind %s'):format(tostring(word)), 0)
end})
for _, kind in ipairs(LIST) do
    WORDS[kind[1]] = kind[1]
end

return {list = LIST, words = WORDS}
