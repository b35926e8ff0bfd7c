--- Handles the sections of the cluster-wide config from which Cartridge's `extensions`
-- role loads code. Determines what a push would change, and validates the pushed
-- sections. Does not run their code.

local require = ...
local module_files = require('platform.module_files')
local nearest = require('core.nearest')
local yield = require('core.yield')
local yaml = require('yaml')

local ROLE = 'extensions'
local CONFIG = 'extensions/config.yml'

--- Returns whether a section belongs to the extensions. A push may remove only such
-- sections.
local function is_ours(name)
    return name == CONFIG or name:find('^extensions/.+%.lua$') ~= nil
end

--- Returns the name of the module in a section.
local function module_of(name)
    return (name:gsub('%.lua$', ''):gsub('/', '.'))
end

--- Returns whether a section contains only comments. The role creates such a section as
-- an example if there is no config.
local function is_blank(name, text)
    local comment = name == CONFIG and '^%s*#' or '^%s*%-%-[^%[]'
    for line in text:gmatch('[^\r\n]+') do
        if line:find('%S') and not line:find(comment) and not line:find('^%s*%-%-$') then
            return false
        end
    end
    return true
end

--- Returns whether the `extensions` role is enabled in any replica set.
-- @tparam table topology the `topology` section of the cluster-wide config
local function has_role(topology)
    for _, set in pairs(topology.replicasets or {}) do
        for key, value in pairs(type(set) == 'table' and set.roles or {}) do
            if key == ROLE and value or value == ROLE then
                return true
            end
        end
    end
    return false
end

--- Splits the pushed text into sections.
-- @tparam {table,...} list {name, size} of each section, in the order of the text;
--   sizes are in bytes
-- @tparam string text
-- @treturn {[string]=string,...} name -> text
local function cut(list, text)
    local given, at = {}, 1
    for _, section in ipairs(list) do
        given[section.name] = text:sub(at, at + section.size - 1)
        at = at + section.size
    end
    return given
end

local function sorted(set)
    local list = {}
    for name in pairs(set) do
        table.insert(list, name)
    end
    table.sort(list)
    return list
end

--- Compares the sections of a cluster with the pushed sections.
-- @tparam {[string]=string,...} present all sections of the cluster
-- @tparam {[string]=string,...} given the pushed sections
-- @tparam boolean prune whether to remove the sections that are not pushed
-- @treturn table {added, changed, removed, unchanged, kept}, lists of names
-- @treturn table patch for the config: name -> new text, or box.NULL to remove the
--   section
local function compare(present, given, prune)
    local sections = {added = {}, changed = {}, removed = {}, unchanged = {}, kept = {}}
    local patch = {}
    for _, name in ipairs(sorted(given)) do
        local before, text = present[name], given[name]
        local was_blank = before == nil or is_blank(name, before)
        if before == text or before ~= nil and was_blank and is_blank(name, text) then
            table.insert(sections.unchanged, name)
        else
            table.insert(was_blank and sections.added or sections.changed, name)
            patch[name] = text
        end
    end
    for _, name in ipairs(sorted(present)) do
        if is_ours(name) and given[name] == nil and not is_blank(name, present[name]) then
            table.insert(prune and sections.removed or sections.kept, name)
            if prune then
                patch[name] = box.NULL
            end
        end
    end
    return sections, patch
end

--- Returns a patch that undoes `patch`.
-- @tparam {[string]=string,...} present all sections before `patch` is applied
-- @tparam table patch see `compare`
local function inverse(present, patch)
    local back = {}
    for name in pairs(patch) do
        back[name] = present[name] == nil and box.NULL or present[name]
    end
    return back
end

--- Returns whether a config still has the changes that a patch has made.
local function has_patch(plaintext, patch)
    for name, text in pairs(patch) do
        local now = plaintext[name]
        local blank = now == nil or is_blank(name, now)
        if text == nil and not blank then
            return false
        elseif text ~= nil and now ~= text and not (blank and is_blank(name, text)) then
            return false
        end
    end
    return true
end

--- Compiles all pushed modules without running them. May yield.
-- @tparam {[string]=string,...} given the pushed sections
-- @treturn {table,...} problems: {module, path, message}
local function compile(given)
    local problems = {}
    for _, name in ipairs(sorted(given)) do
        if name ~= CONFIG then
            yield.if_due()
            -- Use mode 't' to reject bytecode, because LuaJIT does not verify it.
            local chunk, message = loadstring(given[name], '@' .. name, 't')
            if chunk == nil then
                table.insert(problems, {module = module_of(name), path = name, message = message})
            end
        end
    end
    return problems
end

--- Checks that the extensions config is valid YAML.
-- @tparam {[string]=string,...} given the pushed sections
-- @treturn {table,...} problems: {path, message}
local function check_yaml(given)
    if given[CONFIG] == nil then
        return {}
    end
    local ok, err = pcall(yaml.decode, given[CONFIG])
    return ok and {} or {{path = CONFIG, message = ('%s is not valid YAML: %s'):format(CONFIG, tostring(err))}}
end

--- Returns whether a module exists, loaded or not.
local function exists(name, plaintext)
    if name:find('^extensions%.') then
        return plaintext[name:gsub('%.', '/') .. '.lua'] ~= nil
    end
    return package.loaded[name] ~= nil or package.preload[name] ~= nil or module_files.search(name) ~= nil
end

local function is_map(value)
    return type(value) == 'table'
end

--- If a key of the map looks like a misspelling of the missing key, returns a message
-- such as "unknown key 'modul', did you mean module?". Otherwise returns nil. Ignores
-- other unknown keys, as the `extensions` role does.
-- @tparam table map
-- @tparam string key the missing key
local function misspelt(map, key)
    local found = nearest.key(map, key)
    return found and ('unknown key %q, did you mean %s?'):format(found, key) or nil
end

--- Checks a required string field of a map.
-- @treturn ?string the problem; nil if the field is valid
local function text_problem(map, field, prefix)
    if map[field] == nil then
        return misspelt(map, field) or ('%s%s is missing'):format(prefix, field)
    elseif type(map[field]) ~= 'string' then
        return ('%s%s must be a string'):format(prefix, field)
    end
end

local EVENTS = {binary = {'path'}, http = {'path', 'method'}}

--- Checks an entry of the `events` list of an exported function. The entry contains the
-- path under which clients call the function, over HTTP or the binary protocol.
-- @tparam table event {http = {path, method}} or {binary = {path}}; it may have any type
-- @treturn ?string the problem; nil if the event is valid
local function event_problem(event)
    if not is_map(event) then
        return 'must be a map'
    end
    for kind, fields in pairs(EVENTS) do
        local value = event[kind]
        if value ~= nil and not is_map(value) then
            return ('%s must be a map'):format(kind)
        end
        local problem = value == nil and misspelt(event, kind) or nil
        for _, field in ipairs(value ~= nil and fields or {}) do
            problem = problem or text_problem(value, field, kind .. '.')
        end
        if problem ~= nil then
            return problem
        end
    end
end

local function function_problem(fields, plaintext)
    if not is_map(fields) then
        return 'must be a map'
    end
    for _, field in ipairs({'module', 'handler'}) do
        local problem = text_problem(fields, field, '')
        if problem ~= nil then
            return problem
        end
    end
    if fields.events == nil then
        return misspelt(fields, 'events') or 'events is missing'
    elseif not is_map(fields.events) then
        return 'events must be a list'
    end
    for i, event in ipairs(fields.events) do
        local problem = event_problem(event)
        if problem ~= nil then
            return ('events[%d]: %s'):format(i, problem)
        end
    end
    if not exists(fields.module, plaintext) then
        return ('handler %s refers to module %s, which does not exist'):format(fields.handler, fields.module)
    end
end

--- Checks the exported functions in the extensions config as far as possible without
-- running code.
-- @tparam table config the decoded config section; it may have any type
-- @tparam {[string]=string,...} plaintext all sections after the push
-- @treturn {table,...} problems: {module, path, message}
local function check_config(config, plaintext)
    local problems = {}
    local function add(message, module)
        table.insert(problems, {module = module, path = CONFIG, message = message})
    end
    -- The role accepts a missing config but rejects box.NULL. Compare the type, because
    -- box.NULL equals nil.
    if type(config) == 'nil' then
        return problems
    elseif not is_map(config) then
        add('the extensions config must be a map')
        return problems
    end
    local functions = config.functions
    if type(functions) == 'nil' then
        local problem = misspelt(config, 'functions')
        if problem ~= nil then
            add(problem)
        end
        return problems
    elseif not is_map(functions) then
        add('functions must be a map')
        return problems
    end
    local names = {}
    for name in pairs(functions) do
        if type(name) == 'string' then
            table.insert(names, name)
        else
            add(('functions: the key %s is not a string'):format(tostring(name)))
        end
    end
    table.sort(names)
    for _, name in ipairs(names) do
        local fields = functions[name]
        local problem = function_problem(fields, plaintext)
        if problem ~= nil then
            local module = is_map(fields) and type(fields.module) == 'string' and fields.module or nil
            add(('function %s: %s'):format(name, problem), module)
        end
    end
    return problems
end

return {
    CONFIG = CONFIG,
    ROLE = ROLE,
    check_config = check_config,
    compare = compare,
    check_yaml = check_yaml,
    compile = compile,
    cut = cut,
    has_patch = has_patch,
    has_role = has_role,
    inverse = inverse,
}
