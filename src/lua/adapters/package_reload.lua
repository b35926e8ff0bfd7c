--- Adapter: the state of the `package.reload` rock, for applications that use this rock
-- (see `platform.package_reload`).
--
-- New code sees its own generation number and its own registries, which hold the
-- functions that the next reload must call. If new code requires the rock, it gets the
-- loaded rock, because loading the rock again would end the serving generation.
--
-- At the commit, all code begins to see this number and these registries. As a result,
-- loops of old code end if they compare the current number with the number that they
-- read when they started. After the commit, the reload calls the functions that old
-- code has registered. A rollback restores everything.

local require = ...
local package_reload = require('platform.package_reload')

local PackageReload = {name = 'package.reload'}
PackageReload.__index = PackageReload

-- Represents a nil that new code has assigned.
local NOTHING = {}

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table reloader `package.reload`
-- @tparam table modules the modules adapter
local function new(txn, reloader, modules)
    return setmetatable({txn = txn, reloader = reloader, modules = modules}, PackageReload)
end

function PackageReload:snapshot()
    self.before, self.metatable = table.copy(self.reloader), debug.getmetatable(self.reloader)
    self.loaded = package.loaded[package_reload.MODULE]
end

function PackageReload:stage()
    local txn, reloader, serving, metatable = self.txn, self.reloader, self.before, self.metatable
    local staged = {count = serving.count + 1, _reload = function() end}
    for _, field in ipairs(package_reload.REGISTRIES) do
        staged[field] = {}
    end
    self.staged, self.own_reload = staged, staged._reload
    self.serving = table.copy(serving)
    for key in pairs(self.serving) do
        rawset(reloader, key, nil)
    end
    local function is_new_code()
        return txn.staging and txn.ownership:is_new_code()
    end
    self.access = {
        __index = function(_, key)
            local value
            if is_new_code() then
                value = staged[key]
            end
            if value == NOTHING then
                return nil
            elseif value ~= nil then
                return value
            end
            return self.serving[key]
        end,
        __newindex = function(_, key, value)
            if is_new_code() then
                staged[key] = value == nil and NOTHING or value
            else
                self.serving[key] = value
            end
        end,
        __call = function()
            error('a reload is under way', 2)
        end,
        __tostring = metatable and metatable.__tostring,
    }
    debug.setmetatable(reloader, self.access)
    self.modules.view:offer(package_reload.MODULE, reloader)
end

--- Restores the original table, except for changes that code other than new code has
-- made since `stage`.
local function unstage(self)
    if self.access == nil or debug.getmetatable(self.reloader) ~= self.access then
        return
    end
    debug.setmetatable(self.reloader, self.metatable)
    for key, value in pairs(self.serving) do
        rawset(self.reloader, key, value)
    end
end

function PackageReload:commit()
    unstage(self)
    self.destructors = package_reload.destructors(self.serving)
    for key, value in pairs(self.staged) do
        if value ~= self.own_reload then
            rawset(self.reloader, key, value ~= NOTHING and value or nil)
        end
    end
    self.reloader.reloaded = os.date('%Y-%m-%dT%H:%M:%S')
    package.loaded[package_reload.MODULE] = self.loaded
end

--- Returns whether a function reads the current generation number. A loop that reads
-- this number is expected to end when the number changes.
function PackageReload:is_watched_by(f)
    return package_reload.watches(self.reloader, f)
end

function PackageReload:rollback()
    unstage(self)
end

return {new = new}
