--- Which function of the serving generation stands for one of an old
-- generation, see `matching`. Exactly one, or none.

local require = ...
local generations = require('reload.generations')
local matching = require('scan.match')
local slice = require('core.yield')

local Counterparts = {}
Counterparts.__index = Counterparts

--- May yield.
-- @tparam table registry of the instance
-- @tparam ?table change a generation that takes over, before or after it does:
--   origin: see there
--   old: module name -> value, of all modules as they were
--   new: module name -> value, of those that are replaced
--   paths: module name -> path, the same
--   former: the same for files that they had before
--   gone: the same for modules that have no file any more
local function new(registry, change)
    change = change or {}
    local self = setmetatable({
        registry = registry,
        origin = change.origin,
        old = change.old or {},
        new = change.new or {},
        paths = {},         -- module name -> path, of the serving code
        modules = {},       -- source -> sorted names of its modules
        matched = {},       -- module name and source -> matching
        foreign = {[_G] = true},
    }, Counterparts)
    for _, paths in ipairs({
        change.former or {}, change.gone or {}, registry.names, change.paths or {},
    }) do
        for name, path in pairs(table.copy(paths)) do
            slice.pause()
            -- A file is loaded once for each name that it is required by.
            local names = self.modules['@' .. path] or {}
            self.modules['@' .. path] = names
            if self.paths[name] ~= path then
                table.insert(names, name)
            end
            self.paths[name] = path
        end
    end
    for _, names in pairs(self.modules) do
        slice.pause()
        table.sort(names)
    end
    for name in pairs(change.gone or {}) do
        self.paths[name] = nil
    end
    -- Others may load modules while this one yields, so walk a copy.
    for _, values in ipairs({table.copy(package.loaded), self.old, self.new}) do
        for _, value in pairs(values) do
            slice.pause()
            if type(value) == 'table' or type(value) == 'function' then
                self.foreign[value] = true
            end
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

--- The value of a module now.
local function value_of(self, module)
    local value = self.new[module]
    if value == nil then
        value = package.loaded[module]
    end
    return value
end

--- Matches a module, before anything of it is replaced.
local function matching_of(self, module, source)
    local key = module .. source
    if self.matched[key] == nil then
        self.matched[key] = matching.new({
            old = self.old[module],
            new = value_of(self, module),
            source = source,
            foreign = self.foreign,
        })
    end
    return self.matched[key]
end

--- What is known of a stale function; it is remembered as long as that lives.
-- @treturn ?table entry, with the name of its `module`
-- @treturn boolean whether this change replaces it
local function entry_of(self, f, source)
    local known = self.registry.known
    for _, module in ipairs(self.modules[source] or {}) do
        local entry = matching_of(self, module, source):find(f)
        if entry ~= nil then
            entry.module = module
            known[f] = entry
            return entry, true
        end
    end
    return known[f], false
end

--- The qualified name of a stale function.
-- @tparam function f
-- @tparam string source of it
-- @treturn ?string nil if it has none
function Counterparts:name_of(f, source)
    local entry = entry_of(self, f, source)
    return entry and entry.name
end

--- The qualified name of what is beside a stale function in its table.
-- @tparam function f
-- @tparam string source of it
-- @tparam string key
function Counterparts:name_beside(f, source, key)
    local name = self:name_of(f, source) or ''
    return name:gsub('[^.]*$', '') .. key
end

--- The counterpart of a stale function. Does not yield.
-- @tparam function f
-- @tparam string source of it
-- @treturn[1] function
-- @treturn[2] nil
-- @treturn[2] string why there is none
function Counterparts:find(f, source)
    local entry, is_matched = entry_of(self, f, source)
    local module = entry and self.paths[entry.module] and entry.module or (self.modules[source] or {})[1]
    if module == nil then
        return nil, 'no module of its file is loaded'
    elseif self.paths[module] == nil then
        return nil, 'its module has no file any more'
    end
    local counterpart, why
    if entry == nil or is_matched then
        counterpart, why = matching_of(self, module, source):counterpart(f)
    elseif entry.why ~= nil then
        return nil, entry.why
    else
        counterpart, why = matching.retrace(f, entry, value_of(self, module))
    end
    if counterpart == nil then
        return nil, why
    elseif debug.getinfo(counterpart, 'S').source ~= '@' .. self.paths[module] then
        return nil, ('%s is of another file in the new code'):format(entry.name)
    elseif not is_current(self, counterpart) then
        return nil, 'the new code has the same old function'
    end
    return counterpart
end

--- The counterpart of a table of an old module, such as a class.
-- @tparam table object
-- @tparam string source of a function that it has
-- @treturn ?table
function Counterparts:find_table(object, source)
    for _, module in ipairs(self.modules[source] or {}) do
        local counterpart = self.paths[module] and matching_of(self, module, source):counterpart(object)
        if counterpart then
            return counterpart
        end
    end
    return nil
end

--- Whether all old functions in one that may wrap them can be replaced, so that
-- it would be new code. Does not yield.
-- @tparam function f
-- @tparam table taken set of new functions: what has one of these as its
--   counterpart is there already, and that is a no
function Counterparts:cover(f, taken)
    for _, old in ipairs(self.origin.list_wrapped(f, function(g)
        return self.origin:is_old(g)
    end)) do
        local counterpart = self:find(old, debug.getinfo(old, 'S').source)
        if counterpart == nil or taken[counterpart] then
            return false
        end
    end
    return true
end

--- Whether an object is of the generation that has just taken over.
-- @tparam function f
function Counterparts:is_newest(f)
    return self.origin ~= nil and self.origin:is_new(f)
end

--- Whether a module is one of those that were replaced.
function Counterparts:is_replaced(module)
    return self.new[module] ~= nil
end

return {new = new}
