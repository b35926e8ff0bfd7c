--- Adapter: modules. The new generation is loaded into a table of its own;
-- `package.loaded` goes on naming the old one until the commit.
--
-- While a transaction runs, the global `require` and `package.loaded` ask who
-- is calling: new code gets new modules, old code the old ones.

local require = ...
local catalog = require('reload.catalog')
local failure = require('core.failure')
local view = require('reload.overlay')

local Modules = {name = 'modules'}
Modules.__index = Modules

--- @tparam table txn the transaction
-- @tparam table choice as `modules.choose` made it, compiled
local function new(txn, choice)
    local self = setmetatable({
        txn = txn,
        choice = choice,
        by_name = {},
        gone = {},
        loading = {},       -- stack of the modules being loaded
        loaded = {},        -- names that were loaded, whatever came of it
        passed = {},        -- names left to the real require
        tables = {},        -- modules made with `module`: name -> table
        added = {},         -- modules that the new code has and the old had not
    }, Modules)
    for _, module in ipairs(choice.selected) do
        self.by_name[module.name] = module
    end
    for _, module in ipairs(choice.gone) do
        self.gone[module.name] = module
    end
    return self
end

function Modules:snapshot()
    self.before = {}
    for name, value in pairs(package.loaded) do
        self.before[name] = value
    end
    self.path, self.cpath = package.path, package.cpath
    self.preload = table.copy(package.preload)
    self.loaders = table.copy(package.loaders)
end

--- Whether the new generation has a module of that name loaded.
function Modules:is_staged(name)
    return self.loaded[name] == true
end

--- A module that was not loaded so far: one of the application is staged too.
function Modules:adopt(name)
    if package.loaded[name] ~= nil then
        return nil
    end
    local kind, path = catalog.classify(name)
    if self.choice.select(name, kind) ~= 'app' then
        return nil
    end
    local module = {name = name, path = path}
    local ok, err = catalog.compile(module, self.txn.registry)
    if not ok then
        -- In the words of require itself, as the new code may catch it.
        error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, err), 0)
    end
    module.changed = true
    self.txn.origin:record(module.chunk, path)
    self.by_name[name] = module
    self.view:offer(name, nil)
    table.insert(self.added, module)
    return module
end

--- Loads a module of the new generation, once.
function Modules:load(name)
    local known = self.view:find(name)
    if known or self.loaded[name] then
        return known
    end
    for _, other in ipairs(self.loading) do
        if other == name then
            error(("loop or previous error loading module '%s'"):format(name), 2)
        end
    end
    if self.gone[name] ~= nil then
        error(("module '%s' not found:\n\tno file '%s'"):format(name, self.gone[name].path), 2)
    end
    local module = self.by_name[name] or self:adopt(name)
    if module == nil then
        self.passed[name] = true
        return self.require(name)
    end

    table.insert(self.loading, name)
    local ok, value, traceback = failure.call(module.chunk, name)
    table.remove(self.loading)
    if not ok then
        -- The innermost module is where it happened; those that required it
        -- fail with the same error value.
        if self.failed == nil or self.failed.value ~= value then
            self.failed = {value = value, module = module, traceback = traceback}
        end
        self.view:offer(name, nil)
        error(value, 0)
    end
    if value ~= nil then
        self.view:offer(name, value)
    elseif self.view:find(name) == nil then
        -- It neither returned something nor put something there itself.
        self.view:offer(name, true)
    end
    self.loaded[name] = true
    self.txn:pause()
    return self.view:find(name)
end

--- Puts the asking `require` and `package.loaded` in place.
function Modules:stage()
    local txn, original = self.txn, _G.require
    self.view = view.new(txn, package.loaded)
    for _, list in ipairs({self.choice.selected, self.choice.gone}) do
        for _, module in ipairs(list) do
            self.view:offer(module.name, nil)
        end
    end
    self.require = original
    self.wrapper = function(name)
        if txn.staging and type(name) == 'string' and txn.origin:is_new_code() then
            return self:load(name)
        end
        return original(name)
    end
    rawset(_G, 'require', self.wrapper)
    self:stage_module()
end

--- The old function `module` finds the table of the module that serves, and
-- would write the new functions into it.
function Modules:stage_module()
    local txn, original = self.txn, rawget(_G, 'module')
    self.module, self.module_wrapper = original, function(name, ...)
        if not (txn.staging and type(name) == 'string' and txn.origin:is_new_code()) then
            return original(name, ...)
        end
        local M = {_NAME = name, _PACKAGE = name:match('^(.*%.)') or ''}
        M._M = M
        self.view:offer(name, M)
        self.tables[name] = M
        setfenv(2, M)
        for _, option in ipairs({...}) do
            option(M)
        end
    end
    rawset(_G, 'module', self.module_wrapper)
end

--- Makes the global variables that `module` makes.
local function set_global(name, value)
    local holder = _G
    for part in name:gmatch('([^.]+)%.') do
        if type(rawget(holder, part)) ~= 'table' then
            rawset(holder, part, {})
        end
        holder = rawget(holder, part)
    end
    rawset(holder, name:match('[^.]+$'), value)
end

--- Loads every chosen module; those named first come first.
-- @tparam {string,...} first
function Modules:load_all(first)
    for _, name in ipairs(first) do
        self:load_or_fail(name)
    end
    for _, module in ipairs(self.choice.selected) do
        self:load_or_fail(module.name)
    end
end

--- Loads a module; what it throws becomes a failure of the transaction.
function Modules:load_or_fail(name)
    local ok, value, traceback = failure.call(self.load, self, name)
    if ok then
        return value
    end
    local where = self.failed and self.failed.value == value and self.failed or {}
    failure.raise(failure.from(value, {
        code = 'load_error',
        phase = 'load',
        module = where.module and where.module.name or name,
    }, where.traceback or traceback))
end

local function unstage(self)
    if self.wrapper ~= nil and rawget(_G, 'require') == self.wrapper then
        rawset(_G, 'require', self.require)
    end
    if self.module ~= nil and rawget(_G, 'module') == self.module_wrapper then
        rawset(_G, 'module', self.module)
    end
    if self.view ~= nil then
        self.view:close()
    end
end

function Modules:commit()
    unstage(self)
    -- What old code loaded meanwhile is old code.
    for name, value in pairs(package.loaded) do
        if self.before[name] == nil and self.view.offered[name] == nil
        and type(name) == 'string' and catalog.classify(name, value) == 'app' then
            package.loaded[name] = nil
        end
    end
    for name, value in self.view:each() do
        package.loaded[name] = value
    end
    for name, value in pairs(self.tables) do
        set_global(name, value)
    end
end

local function restore_fields(target, before, undone, label)
    for key, value in pairs(before) do
        if target[key] ~= value then
            target[key] = value
            table.insert(undone, ('%s[%q]'):format(label, tostring(key)))
        end
    end
end

--- Puts the loaders back, and after them those that others have added.
function Modules:restore_loaders(undone)
    local wanted, known = {}, {}
    for i, loader in ipairs(self.loaders) do
        wanted[i], known[loader] = loader, true
    end
    for _, loader in ipairs(package.loaders) do
        if not known[loader] and not self.txn.origin:wraps_new(loader) then
            table.insert(wanted, loader)
        end
    end
    local is_changed = false
    for i = 1, math.max(#wanted, #package.loaders) do
        if package.loaders[i] ~= wanted[i] then
            package.loaders[i] = wanted[i]
            is_changed = true
        end
    end
    if is_changed then
        table.insert(undone, 'package.loaders')
    end
end

function Modules:rollback(undone)
    unstage(self)
    if self.before == nil then
        return
    end
    -- A library that the new code has loaded stays: it is not of this
    -- generation, and may not be made to be loaded twice.
    for name in pairs(self.passed) do
        if package.loaded[name] == nil then
            package.loaded[name] = self.view:find(name)
        end
    end
    restore_fields(package.loaded, self.before, undone, 'package.loaded')
    restore_fields(package.preload, self.preload, undone, 'package.preload')
    for name in pairs(package.preload) do
        if self.preload[name] == nil and self.txn.origin:is_new(package.preload[name]) then
            package.preload[name] = nil
            table.insert(undone, ('package.preload[%q]'):format(name))
        end
    end
    self:restore_loaders(undone)
    if package.path ~= self.path then
        package.path = self.path
        table.insert(undone, 'package.path')
    end
    if package.cpath ~= self.cpath then
        package.cpath = self.cpath
        table.insert(undone, 'package.cpath')
    end
end

return {new = new}
