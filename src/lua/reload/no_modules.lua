--- Explains why there is nothing to reload, and suggests a correction where possible.

local require = ...
local kinds = require('code.kinds')

local function count_text(count)
    return ('%d %s'):format(count, count == 1 and 'module is' or 'modules are')
end

--- Explains why no module is selected by default, that is, without --module.
local function explain_all(choice)
    local parts = {}
    for _, kind in ipairs(kinds.list) do
        local names = choice.kept[kind[1]]
        if names ~= nil and kind[2] ~= nil then
            table.insert(parts, ('%s %s'):format(count_text(#names), kind[2]))
        end
    end
    return ('no application module is loaded: only files loaded with require can be reloaded; %s')
        :format(table.concat(parts, '; '))
end

--- Returns the name of the module whose path was passed to --module by mistake.
-- @tparam table choice result of `catalog.choose`
-- @tparam string glob argument of --module that looks like a path
-- @treturn ?string nil if the path matches no module
local function name_of_path(choice, glob)
    local path = glob:gsub('^%./', '')
    local name = path:gsub('%.lua$', ''):gsub('/init$', ''):gsub('/', '.')
    local known = {}
    for _, names in pairs(choice.kept) do
        for _, other in ipairs(names) do
            known[other] = true
        end
    end
    for _, module in ipairs(choice.all) do
        known[module.name] = true
        if module.path == path or ('/' .. module.path):sub(-#path - 1) == '/' .. path then
            return module.name
        end
    end
    return known[name] and name or nil
end

--- Explains why an argument of --module selects no module.
-- @tparam table choice result of `catalog.choose`
-- @tparam string glob the argument
-- @treturn string
local function explain_pattern(choice, glob)
    local matched = choice.matches[glob]
    if matched ~= nil then
        for _, kind in ipairs(kinds.list) do
            if matched[kind[1]] ~= nil and kind[2] ~= nil then
                return ('the modules that --module %s matches, such as %s, are %s')
                    :format(glob, matched[kind[1]], kind[2])
            end
        end
        return ('--module %s matches only modules that --exclude excludes'):format(glob)
    elseif glob:find('/', 1, true) or glob:find('%.lua$') then
        local name = name_of_path(choice, glob)
        if name ~= nil then
            return ('--module takes a module name, not a path: use --module %s'):format(name)
        end
        return ('--module takes a module name, as passed to require, not a path; no loaded module comes from '
            .. 'the file %s'):format(glob)
    end
    return ('--module %s matches no loaded module'):format(glob)
end

--- Explains why arguments of --module select no module.
-- @tparam table choice result of `catalog.choose`
-- @tparam table args arguments of the command
-- @treturn {string,...} one explanation for each argument that selects no module
local function unmatched(choice, args)
    local list = {}
    for _, glob in ipairs(args.modules or {}) do
        local matched = choice.matches[glob]
        if matched == nil or not (matched.app or matched.gone) then
            table.insert(list, explain_pattern(choice, glob))
        end
    end
    return list
end

--- Explains why no module is selected at all.
-- @tparam table choice result of `catalog.choose`
-- @tparam table args arguments of the command
-- @treturn string
local function explain(choice, args)
    if #(args.modules or {}) == 0 then
        return explain_all(choice)
    end
    local list = unmatched(choice, args)
    if #list == 0 then
        return 'all modules that --module selects are excluded by --exclude'
    end
    return table.concat(list, '; ')
end

return {explain = explain, unmatched = unmatched}
