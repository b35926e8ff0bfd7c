--- Adapter: modules. While a transaction runs, new code sees a separate
-- `package.loaded` with the new modules. For all other code, `package.loaded` holds the
-- old modules until the commit (see `module_table`).
--
-- `require` is not replaced. A loader in `package.loaders` returns the precompiled
-- chunks to new code. So Lua's own `require` works in new code and in all other code,
-- even in a rock that keeps `require` in a local variable. New code may also unload
-- modules and load them again, as at startup.

local require = ...
local catalog = require('code.catalog')
local failure = require('core.failure')
local key_name = require('core.key_name')
local module_table = require('code.module_table')
local recorder = require('code.recorder')
local yield = require('core.yield')

local Modules = {name = 'modules'}
Modules.__index = Modules

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table choice the result of `catalog.choose`, whose modules have been compiled
local function new(txn, choice)
    local self = setmetatable({
        txn = txn,
        choice = choice,
        by_name = {},
        gone = {},
        loading = {},       -- stack of the modules being loaded
        loaded = {},        -- names of the modules whose chunk has run to its end
        passed = {},        -- names of the modules that are left to the other loaders
        tables = {},        -- modules made with `module`: name -> table
        added = {},         -- modules that only the new code has
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

--- Returns whether the new generation has loaded a module with the given name.
function Modules:is_staged(name)
    return self.loaded[name] == true or self.by_name[name] ~= nil and self.view:find(name) ~= nil
end

--- Stages a module that was not loaded before the reload, if it belongs to the
-- application. Throws if its file cannot be compiled.
-- @treturn ?table module, nil if it does not belong to the application
function Modules:adopt(name)
    local kind, path = catalog.classify(name)
    if self.choice.select(name, kind) ~= 'app' then
        return nil
    end
    local module = {name = name, path = path}
    local ok, err = catalog.compile(module, self.txn.stash)
    if not ok then
        -- New code may catch the error and examine its message, so use the same message
        -- as `require`.
        error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, err), 0)
    end
    module.changed = true
    self.txn.ownership:record(module.chunk, path)
    self.by_name[name] = module
    self.view:offer(name, nil)
    table.insert(self.added, module)
    return module
end

--- Finds the module that `require` must load for new code.
-- @treturn ?table module, nil if the next loader must find it
function Modules:find(name)
    if self.by_name[name] ~= nil then
        return self.by_name[name]
    elseif self.gone[name] ~= nil or self.before[name] ~= nil then
        -- The module was loaded before the reload, but is not to be reloaded. Either its
        -- file no longer exists, or new code has unloaded the module and calls `require`
        -- for it again. Leave the module to the next function in `package.loaders`.
        return nil
    end
    return self:adopt(name)
end

--- Throws if `require` is called for a module that is still being loaded. Must be called
-- before the loader returns a chunk: after that, `require` puts a marker for the module
-- into `package.loaded`, and an error would leave the marker there.
function Modules:check_loop(name)
    for _, other in ipairs(self.loading) do
        if other == name then
            error(("loop or previous error loading module '%s'"):format(name), 3)
        end
    end
end

--- Runs the chunk of a module.
-- @return the value that the chunk returned
function Modules:run(module, ...)
    local name = module.name
    -- If the module was unloaded, its chunk runs again. Reset the environment of the
    -- chunk, because the first run may have changed it by calling the `module` function.
    setfenv(module.chunk, _G)
    table.insert(self.loading, name)
    local ok, value, traceback = failure.call(module.chunk, ...)
    table.remove(self.loading)
    if not ok then
        -- The error comes from the innermost module. The modules that require it fail
        -- with the same error value, so keep the first record.
        if self.failed == nil or self.failed.value ~= value then
            self.failed = {value = value, module = module, traceback = traceback}
        end
        self.view:offer(name, nil)
        error(value, 0)
    end
    self.loaded[name] = true
    self.txn:pause()
    return value
end

--- Loads a module without calling `require`. The application may have replaced `require`
-- with its own function, which may have cached the old modules.
function Modules:require(module)
    local name = module.name
    self:check_loop(name)
    local value = self:run(module, name)
    if value ~= nil then
        self.view:offer(name, value)
    elseif self.view:find(name) == nil then
        -- The chunk has neither returned a value nor put one into `package.loaded`.
        -- Store `true`, as `require` does.
        self.view:offer(name, true)
    end
end

--- Returns whether a function is Tarantool's `require`, or Tarantool's wrapper of
-- `require`.
local function is_original(f)
    local info = debug.getinfo(f, 'S')
    return info.what == 'C' or info.source:find('^@builtin/') ~= nil
end

--- Loads a module, unless the new generation has already loaded it.
-- @return the value of the module
function Modules:load(name)
    local module, original = self.by_name[name], _G.require
    if module == nil and self.view:find(name) == nil then
        return original(name)
    elseif module ~= nil and not self.loaded[name] then
        if is_original(original) then
            original(name)
        else
            self:require(module)
        end
    end
    return self.view:find(name)
end

--- Gives new code its own `package.loaded` (see `module_table`) and its own loader.
function Modules:stage()
    local txn = self.txn
    self.view = module_table.new(function()
        return txn.staging and txn.ownership:is_new_code()
    end)
    function self.view.is_shared(_, name, value)
        return type(name) == 'string' and catalog.classify(name, value) ~= 'app'
    end
    for _, list in ipairs({self.choice.selected, self.choice.gone}) do
        for _, module in ipairs(list) do
            self.view:offer(module.name, nil)
        end
    end
    function self.loader(name)
        if not (txn.staging and type(name) == 'string' and txn.ownership:is_new_code()) then
            return nil
        end
        local module = self:find(name)
        if module == nil then
            self.passed[name] = true
            return nil
        end
        self:check_loop(name)
        return function(...)
            return self:run(module, ...)
        end
    end
    -- Modules in `package.preload` come first, as at startup.
    table.insert(package.loaders, 2, self.loader)
    self.recorder = recorder.start(txn, function()
        return self.loading[#self.loading]
    end)
    self:stage_module()
end

--- Wraps the `module` function for new code. The original would find the table of the
-- old module, and the functions of the new module would be added to that table.
function Modules:stage_module()
    local txn, original = self.txn, rawget(_G, 'module')
    self.module, self.module_wrapper = original, function(name, ...)
        if not (txn.staging and type(name) == 'string' and txn.ownership:is_new_code()) then
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

--- Stores the table of a module where Lua's `module` function would have stored it: in a
-- global variable, or, for a module such as `a.b.c`, in the field `c` of `_G.a.b`.
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

--- Loads all modules that were chosen for the reload.
-- @tparam {string,...} first names of the modules to load before the others
function Modules:load_all(first)
    for _, name in ipairs(first) do
        self:load_or_fail(name)
    end
    for _, module in ipairs(self.choice.selected) do
        self:load_or_fail(module.name)
    end
end

--- Loads a module, or fails the transaction.
function Modules:load_or_fail(name)
    local ok, value, traceback = failure.call(self.load, self, name)
    if ok then
        return value
    end
    self:fail(name, value, traceback)
end

--- Fails the transaction because a module could not be loaded.
-- @tparam string name the module to report, unless the error comes from a module that
--   this module requires
-- @param value the thrown value
-- @tparam ?string traceback
function Modules:fail(name, value, traceback)
    local where = self.failed and rawequal(self.failed.value, value) and self.failed or {}
    failure.raise(failure.from(value, {
        code = 'load_error',
        phase = 'load',
        module = where.module and where.module.name or name,
    }, where.traceback or traceback))
end

local function unstage(self)
    if self.recorder ~= nil then
        self.recorder:stop()
    end
    for i = #package.loaders, 1, -1 do
        if package.loaders[i] == self.loader then
            table.remove(package.loaders, i)
        end
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
    local changed = self.view:changed()
    -- Unload the application's modules that old code has loaded during the transaction,
    -- because they may refer to old modules. The next `require` loads them again.
    for name, value in pairs(package.loaded) do
        if self.before[name] == nil and not changed[name]
        and type(name) == 'string' and catalog.classify(name, value) == 'app' then
            package.loaded[name] = nil
        end
    end
    for name in pairs(changed) do
        package.loaded[name] = self.view:find(name)
    end
    for name, value in pairs(self.tables) do
        set_global(name, value)
    end
    self.view:release()
    self:retire()
end

--- Keeps the old modules visible to old code after the commit. Requests in flight and
-- `stop` functions of old roles may still run old code.
function Modules:retire()
    local ownership = self.txn.ownership
    self.former = module_table.new(function()
        return ownership:is_stopping() or ownership:is_old_code()
    end, true)
    function self.former.is_shared()
        return true
    end
    for _, names in ipairs({self.by_name, self.gone}) do
        for name in pairs(names) do
            if self.before[name] ~= nil then
                self.former:offer(name, self.before[name])
            end
        end
    end
end

--- Ends the effect of `retire`: old code no longer sees the old modules. A second call
-- does nothing.
function Modules:settle()
    if self.former ~= nil then
        self.former:close()
        self.former:release()
        self.former = nil
    end
end

--- Returns the files that the new generation has loaded without `require`. May yield.
-- @treturn {{path, module, digest},...} sorted by path
function Modules:loaded_files()
    local list = {}
    if next(self.recorder.files) == nil then
        return list
    end
    -- New code may add modules while this loop yields, so iterate over a copy. `if_due`
    -- throws in a cancelled fiber; ignore that error.
    for name, module in pairs(table.copy(self.by_name)) do
        pcall(yield.if_due)
        for path, digest in pairs(self.recorder.files['@' .. module.path] or {}) do
            table.insert(list, {path = path, module = name, digest = digest})
        end
    end
    table.sort(list, function(a, b)
        return a.path < b.path or a.path == b.path and a.module < b.module
    end)
    return list
end

local function restore_fields(target, before, undone, label)
    for key, value in pairs(before) do
        if target[key] ~= value then
            target[key] = value
            table.insert(undone, ('%s[%q]'):format(label, key_name(key)))
        end
    end
end

--- Restores `package.loaders`. Removes the loaders that new code has added. Puts all
-- other added loaders after the original ones.
function Modules:restore_loaders(undone)
    local wanted, known = {}, {}
    for i, loader in ipairs(self.loaders) do
        wanted[i], known[loader] = loader, true
    end
    for _, loader in ipairs(package.loaders) do
        if not known[loader] and not self.txn.ownership:wraps_new(loader) then
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
    -- A library that new code has loaded stays loaded. It does not belong to the failed
    -- generation, and may not support being loaded twice.
    for name in pairs(self.passed) do
        local value = self.view:find(name)
        -- If the library failed to load, `value` is the userdata with which `require`
        -- marks a module that is being loaded.
        if package.loaded[name] == nil and type(value) ~= 'userdata' then
            package.loaded[name] = value
        end
    end
    self.view:release()
    restore_fields(package.preload, self.preload, undone, 'package.preload')
    for name in pairs(package.preload) do
        if self.preload[name] == nil and self.txn.ownership:is_new(package.preload[name]) then
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
