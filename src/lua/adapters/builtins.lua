--- Adapter: Tarantool's own functions and settings: its modules, `box` and its objects,
-- the metatables of basic types, and settings such as `json.cfg`.
--
-- All code shares these objects, so a change cannot be staged. A rollback restores
-- everything that differs from the snapshot, with two exceptions. It keeps functions
-- that old code has set. It restores only those settings that new code has changed,
-- because old code may change settings while a reload runs.
--
-- This adapter must be added to the transaction before all others, so that it takes its
-- snapshot before they replace functions of Tarantool, and rolls back after they have
-- restored them.

local require = ...
local catalog = require('code.catalog')
local generations = require('code.generations')
local key_name = require('core.key_name')

local environ, setenv = rawget(os, 'environ'), rawget(os, 'setenv')

local Builtins = {name = 'builtins'}
Builtins.__index = Builtins

-- The maximum depth of watched tables, and the maximum number of entries in each.
local DEPTH, ENTRIES = 3, 2000

-- Tables that are not watched, because they hold data or another adapter handles them.
local WITHOUT = {
    ['box.cfg'] = true,
    ['box.func'] = true,
    ['box.info'] = true,
    ['box.sequence'] = true,
    ['box.space'] = true,
    ['package.loaded'] = true,
    ['package.loaders'] = true,
    ['package.preload'] = true,
    ['package.path'] = true,
    ['package.cpath'] = true,
    ['string._G'] = true,
}
-- Global variables that this adapter restores, because the `globals` adapter ignores
-- them.
local GLOBALS = {'require', 'module', 'package', 'box', '_G'}
-- Tables in the Lua registry that are not watched, because they hold modules or
-- libraries.
local REGISTRY = {_LOADED = true, _PRELOAD = true, _LOADLIB = true}

local TYPES = {
    {label = 'nil', value = nil},
    {label = 'booleans', value = true},
    {label = 'numbers', value = 0},
    {label = 'strings', value = ''},
    {label = 'functions', value = print},
    {label = 'coroutines', value = coroutine.create(print)},
    {label = 'cdata', value = 0LL},
}

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam {string,...} names names of the loaded modules that have no file
local function new(txn, names)
    return setmetatable({txn = txn, names = names}, Builtins)
end

--- Returns a shallow copy of a table, or nil if the table has more than `ENTRIES`
-- entries.
local function copy(source)
    local result, count = {}, 0
    for key, value in next, source do
        count = count + 1
        if count > ENTRIES then
            return nil
        end
        result[key] = value
    end
    return result
end

--- Returns the metatable of a settings table, such as `json.cfg`. Code calls such
-- tables to change settings.
-- @treturn ?table nil if the value is not a settings table
local function settings_metatable(key, value)
    local metatable = key == 'cfg' and type(value) == 'table' and debug.getmetatable(value)
    return metatable and type(rawget(metatable, '__call')) == 'function' and metatable or nil
end

local function is_of_server(f)
    local source = debug.getinfo(f, 'S').source
    return source == '=[C]' or source:sub(1, 9) == '@builtin/'
end

--- Watches a table and the tables in it, so that a rollback restores their entries.
-- @tparam table object
-- @tparam string label name of the table in reports
-- @tparam number depth how many levels of inner tables to watch
-- @tparam ?boolean is_data true if the table mixes functions with data: a rollback then
--   restores only the functions
function Builtins:watch(object, label, depth, is_data)
    if self.known[object] then
        return
    end
    self.known[object] = true
    local before = copy(object)
    if before == nil then
        return
    end
    local metatable = debug.getmetatable(object)
    table.insert(self.tables, {
        object = object,
        label = label,
        before = before,
        metatable = metatable,
        is_data = is_data,
    })
    if type(metatable) == 'table' then
        self:watch(metatable, 'metatable of ' .. label, 0, is_data)
    end
    for key, value in next, depth > 0 and before or {} do
        local name = ('%s.%s'):format(label, key_name(key))
        local settings = settings_metatable(key, value)
        if settings ~= nil and not self.known[value] then
            self.known[value] = true
            local item = {object = value, label = name, metatable = settings, changed = {}}
            table.insert(self.settings, item)
            self:watch(settings, 'metatable of ' .. name, 0)
            if name == 'box.cfg' then
                self.box = item
            elseif name == 'log.cfg' then
                self.log = item
            end
        elseif type(value) == 'table' and not WITHOUT[name] and not self.foreign[value] then
            self:watch(value, name, depth - 1, is_data or label == 'box.internal')
        end
    end
end

function Builtins:snapshot()
    self.known, self.foreign = {}, {[_G] = true}
    self.tables, self.settings, self.types = {}, {}, {}
    for _, value in pairs(package.loaded) do
        if type(value) == 'table' then
            self.foreign[value] = true
        end
    end
    for _, name in ipairs(self.names) do
        local module = package.loaded[name]
        -- The application may have put a module without a file into `package.loaded`,
        -- so check that the name belongs to a module of Tarantool.
        if type(module) == 'table' and module ~= _G and catalog.is_builtin_name(name) then
            self:watch(module, name, DEPTH)
        end
    end
    for _, item in ipairs(TYPES) do
        local metatable = debug.getmetatable(item.value)
        table.insert(self.types, {label = item.label, value = item.value, metatable = metatable})
        if type(metatable) == 'table' then
            self:watch(metatable, 'metatable of ' .. item.label, 1)
        end
    end
    for key, value in next, debug.getregistry ~= nil and debug.getregistry() or {} do
        if type(key) == 'string' and type(value) == 'table' and not REGISTRY[key] then
            self:watch(value, 'methods of ' .. key, 1, true)
        end
    end
    self.box_log = self.box ~= nil and copy(self.box.object) or {}
    self.globals, self.globals_metatable = {}, debug.getmetatable(_G)
    for _, name in ipairs(GLOBALS) do
        self.globals[name] = rawget(_G, name)
    end
    local metatable = debug.getmetatable('')
    self.strings = {
        metatable = metatable,
        index = metatable and rawget(metatable, '__index'),
        functions = copy(_G.string),
    }
    self.functions = {}
    for name, value in next, _G do
        if type(value) == 'function' and is_of_server(value) then
            self.functions[name] = value
        end
    end
    self.environment = environ ~= nil and environ() or nil
end

--- Wraps the functions that change settings, to record what new code changes.
function Builtins:stage()
    local txn = self.txn
    for _, item in ipairs(self.settings) do
        local original, changed = rawget(item.metatable, '__call'), item.changed
        item.original = original
        item.staged = function(settings, options, ...)
            if txn.staging and item.label == 'box.cfg' and txn.on_configure ~= nil and txn.ownership:is_new_code()
            and txn.on_configure(settings, options) then
                return nil
            elseif txn.staging and type(options) == 'table' and txn.ownership:is_asking() then
                for key in next, options do
                    changed[key] = changed[key] or {value = settings[key]}
                end
            end
            return original(settings, options, ...)
        end
        rawset(item.metatable, '__call', item.staged)
    end
    self:stage_jit()
end

--- Defers new code's calls to `jit.on()` and `jit.off()` until the commit. The watchdog
-- relies on a debug hook, and LuaJIT calls no hooks from JIT-compiled code. So the
-- watchdog could not interrupt new code that is JIT-compiled.
function Builtins:stage_jit()
    local txn = self.txn
    self.jit = {}
    for name, is_on in pairs({on = true, off = false}) do
        local original = rawget(jit, name)
        local function staged(...)
            if select('#', ...) == 0 and txn.staging and txn.ownership:is_asking() then
                txn.wants_jit = is_on
                return nil
            end
            return original(...)
        end
        if type(original) == 'function' then
            self.jit[name] = {original = original, staged = staged}
            rawset(jit, name, staged)
        end
    end
end

--- Records the log level before new code is called, so that `after_call` can detect a
-- call to `log.level(n)`. The `level` function cannot be wrapped: each logger has its
-- own, and each module can have its own logger.
function Builtins:before_call()
    self.level = self.log and self.log.object.level
end

function Builtins:after_call()
    if self.log ~= nil and self.log.object.level ~= self.level then
        self.log.changed.level = self.log.changed.level or {value = self.level}
    end
end

local function unstage(self)
    for _, item in ipairs(self.settings or {}) do
        if item.staged ~= nil and rawget(item.metatable, '__call') == item.staged then
            rawset(item.metatable, '__call', item.original)
        end
    end
    for name, item in pairs(self.jit or {}) do
        if rawget(jit, name) == item.staged then
            rawset(jit, name, item.original)
        end
    end
end

function Builtins:commit()
    unstage(self)
end

local function is_to_be_undone(self, item, before, now)
    if rawequal(before, now) or before ~= before and now ~= now then
        return false
    elseif type(now) == 'function' and self.txn.ownership:wraps_old(now) then
        -- Old code has set this function, so keep it.
        return false
    end
    return not item.is_data or type(before) == 'function' or type(now) == 'function'
end

local function restore_table(self, item, undone)
    local object, before = item.object, item.before
    local now = copy(object) or {}
    local function restore(key)
        if is_to_be_undone(self, item, before[key], now[key]) then
            rawset(object, key, before[key])
            table.insert(undone, ('%s.%s'):format(item.label, key_name(key)))
        end
    end
    for key in next, now do
        restore(key)
    end
    for key in next, before do
        if now[key] == nil then
            restore(key)
        end
    end
    if not rawequal(debug.getmetatable(object), item.metatable) then
        debug.setmetatable(object, item.metatable)
        table.insert(undone, 'metatable of ' .. item.label)
    end
end

--- Restores the settings that new code has changed. Calls the table of settings as a
-- function, as in `box.cfg{key = value}`.
local function restore_settings(item, undone, left)
    for key, before in pairs(item.changed) do
        local label = ('%s.%s'):format(item.label, key_name(key))
        if not rawequal(item.object[key], before.value) then
            local value = before.value
            if value == nil then
                value = box.NULL
            end
            local ok, err = pcall(item.original, item.object, {[key] = value})
            if ok and item.object[key] == before.value then
                table.insert(undone, label)
            else
                table.insert(left, ('%s was changed and cannot be restored%s'):format(label,
                    ok and '' or ': ' .. tostring(err)))
            end
        end
    end
end

--- Restores the log settings in `box.cfg`, which mirror those in `log.cfg`. A setting
-- may differ in form: `box.cfg` may hold the name of a log level, such as `info`, and
-- `log.cfg` its number.
function Builtins:restore_log_names()
    for key in pairs(self.log ~= nil and self.box ~= nil and self.log.changed or {}) do
        local name = 'log_' .. key_name(key)
        local before = self.box_log[name]
        if before ~= nil and self.box.object[name] ~= before then
            pcall(self.box.original, self.box.object, {[name] = before})
        end
    end
end

local function restore_environment(self, undone)
    for name, value in pairs(environ()) do
        if self.environment[name] ~= value then
            setenv(name, self.environment[name])
            table.insert(undone, 'environment variable ' .. name)
        end
    end
    for name, value in pairs(self.environment) do
        if environ()[name] == nil then
            setenv(name, value)
            table.insert(undone, 'environment variable ' .. name)
        end
    end
end

--- Restores Tarantool's own functions before the rollback, because the rollback may
-- call them. Leaves two kinds of replacements in place: wrappers of this program,
-- which their adapters remove, and functions that old code has set.
function Builtins:on_failure()
    self.early = self.early or {}
    local strings = self.strings or {}
    if strings.metatable ~= nil and not (rawequal(debug.getmetatable(''), strings.metatable)
        and rawequal(rawget(strings.metatable, '__index'), strings.index)) then
        -- Restore this metatable first: without it, strings have no methods.
        debug.setmetatable('', strings.metatable)
        rawset(strings.metatable, '__index', strings.index)
        table.insert(self.early, {'metatable of strings.', '__index'})
    end
    for key, before in next, strings.functions or {} do
        if not rawequal(rawget(_G.string, key), before) then
            rawset(_G.string, key, before)
            table.insert(self.early, {'string.', key})
        end
    end
    local function restore(object, key, before, label)
        local now = rawget(object, key)
        if type(before) == 'function' and not rawequal(before, now) and not (type(now) == 'function'
            and (generations.is_ours(now) or self.txn.ownership:wraps_old(now))) then
            rawset(object, key, before)
            table.insert(self.early, {label, key})
        end
    end
    for _, item in ipairs(self.tables or {}) do
        for key, before in next, item.before do
            restore(item.object, key, before, item.label .. '.')
        end
    end
    for name, before in next, self.functions or {} do
        restore(_G, name, before, 'global ')
    end
end

function Builtins:rollback(undone, left)
    unstage(self)
    for _, item in ipairs(self.early or {}) do
        table.insert(undone, item[1] .. tostring(item[2]))
    end
    for _, item in ipairs(self.tables or {}) do
        restore_table(self, item, undone)
    end
    for _, item in ipairs(self.types or {}) do
        if not rawequal(debug.getmetatable(item.value), item.metatable) then
            debug.setmetatable(item.value, item.metatable)
            table.insert(undone, 'metatable of ' .. item.label)
        end
    end
    for _, name in ipairs(GLOBALS) do
        if not rawequal(rawget(_G, name), self.globals[name]) then
            rawset(_G, name, self.globals[name])
            table.insert(undone, 'global ' .. name)
        end
    end
    if not rawequal(debug.getmetatable(_G), self.globals_metatable) then
        debug.setmetatable(_G, self.globals_metatable)
        table.insert(undone, 'metatable of the globals')
    end
    for _, item in ipairs(self.settings or {}) do
        restore_settings(item, undone, left)
    end
    self:restore_log_names()
    if self.environment ~= nil then
        restore_environment(self, undone)
    end
end

return {new = new}
