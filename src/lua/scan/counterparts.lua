--- Which function of the serving generation stands for one of an old
-- generation: the one with the same qualified name in the same module, if
-- there is exactly one.

local require = ...
local generations = require('generations')
local names_lib = require('scan.names')

local Counterparts = {}
Counterparts.__index = Counterparts

--- @tparam table registry of the instance
-- @tparam ?table change a generation that takes over, before or after it does:
--   origin: see there
--   old: module name -> value, of all modules as they were
--   new: module name -> value, of those that are replaced
--   paths: module name -> path, the same
--   gone: set of the names of modules that have no file any more
local function new(registry, change)
    change = change or {}
    local self = setmetatable({
        registry = registry,
        origin = change.origin,
        old = change.old or {},
        new = change.new or {},
        old_names = names_lib.new(),
        new_names = names_lib.new(),
        paths = {},         -- module name -> path, of the serving code
        modules = {},       -- source -> module name
        collected = {},
        foreign = {[_G] = true},
    }, Counterparts)
    for name, path in pairs(registry.names) do
        self.modules['@' .. path] = name
        self.paths[name] = path
    end
    for name, path in pairs(change.paths or {}) do
        self.modules['@' .. path] = name
        self.paths[name] = path
    end
    for name in pairs(change.gone or {}) do
        self.paths[name] = nil
    end
    for _, values in ipairs({package.loaded, self.old, self.new}) do
        for _, value in pairs(values) do
            self.foreign[value] = true
        end
    end
    return self
end

--- Whether a function is of the serving generation, or of the one that is about
-- to be.
local function is_current(self, f)
    return self.origin ~= nil and self.origin:is_new(f)
        or generations.classify(self.registry, f) == 'current'
end

--- Names the functions of a module, before the first of them is replaced.
local function collect(self, module, source)
    if self.collected[module] then
        return
    end
    self.collected[module] = true
    if self.old[module] ~= nil then
        self.old_names:collect(module, self.old[module], source, self.foreign)
    end
    local path, value = self.paths[module], self.new[module]
    if value == nil then
        value = package.loaded[module]
    end
    if path ~= nil and value ~= nil then
        self.new_names:collect(module, value, '@' .. path, self.foreign)
    end
end

--- The names of a stale function, which are remembered as long as it lives.
local function names_of(self, f, module, source)
    collect(self, module, source)
    local known = self.registry.known
    if known[f] == nil then
        known[f] = self.old_names:list(f)
    end
    return known[f]
end

--- The qualified name of a stale function.
-- @tparam function f
-- @tparam string source of it
-- @treturn ?string nil if it has none
function Counterparts:name_of(f, source)
    local module = self.modules[source]
    local names = module and names_of(self, f, module, source)
    return names and table.concat(names, ', ')
end

--- The counterpart of a stale function. Does not yield.
-- @tparam function f
-- @tparam string source of it
-- @treturn[1] function
-- @treturn[2] nil
-- @treturn[2] string why there is none
function Counterparts:find(f, source)
    local module = self.modules[source]
    if module == nil then
        return nil, 'its file is no module'
    elseif self.paths[module] == nil then
        return nil, 'its module has no file any more'
    end
    local names = names_of(self, f, module, source)
    if names == nil then
        return nil, 'it has no name in its module'
    end
    local counterpart, why = self.new_names:find(module, names)
    if type(counterpart) == 'table' then
        return nil, ('%s is a table in the new code'):format(names[1])
    elseif counterpart ~= nil and not is_current(self, counterpart) then
        return nil, 'its name leads to old code in the new module too'
    end
    return counterpart, why
end

--- The counterpart of a table of an old module, such as a class: the table with
-- its name in the new module.
-- @tparam table object
-- @tparam string source of a function that it has
-- @treturn ?table
function Counterparts:find_table(object, source)
    local module = self.modules[source]
    local names = module and self.old_names:list(object)
    local counterpart = names and self.new_names:find(module, names)
    return type(counterpart) == 'table' and counterpart or nil
end

--- Whether all old functions in one that may wrap them can be replaced, so that
-- it would be new code. Does not yield.
-- @tparam function f
-- @tparam table registered set of new functions: what has one of these as its
--   counterpart is there already, and that is a no
function Counterparts:cover(f, registered)
    for _, old in ipairs(self.origin.list_wrapped(f, function(g)
        return self.origin:is_old(g)
    end)) do
        local counterpart = self:find(old, debug.getinfo(old, 'S').source)
        if counterpart == nil or registered[counterpart] then
            return false
        end
    end
    return true
end

return {new = new}
