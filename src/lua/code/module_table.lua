--- Splits `package.loaded` into two tables: one for the serving code, and one for the
-- non-serving code. Until the commit, the non-serving code is the new code. After the
-- commit, it is any old code still running.
--
-- `require` always uses the original table, which is in the Lua registry. The original
-- table is emptied, and its metatable forwards each access to the table of the caller.
-- The expression `package.loaded` evaluates directly to the caller's table. Otherwise,
-- code could not iterate over the modules if LuaJIT was built without `__pairs`.
--
-- Code may keep a reference to either of the two tables, so `release` turns both into
-- proxies of the original table.

local require = ...
require('table.new')

-- Keep a reference, because application code can replace `table.new`.
local new_table = table.new

local Loaded = {}
Loaded.__index = Loaded

--- Copies a table. Allocates the copy at its final size, because growing it step by
-- step would block the server for twice as long.
-- @tparam table source
-- @tparam number count number of entries in `source`
local function copy(source, count)
    local result = new_table(0, count)
    for key, value in next, source do
        result[key] = value
    end
    return result
end

local function count_entries(source)
    local count = 0
    for _ in next, source do
        count = count + 1
    end
    return count
end

--- Gives serving code and other code separate views of `package.loaded`.
-- @tparam function is_other () -> whether the running code is non-serving code
-- @tparam ?boolean passes_on if true, serving code also sees modules that non-serving
--   code sets, except those whose names were passed to `offer`
local function new(is_other, passes_on)
    local live = package.loaded
    local count = count_entries(live)
    local self = setmetatable({
        live = live,
        metatable = getmetatable(live),
        package_metatable = getmetatable(package),
        serving = copy(live, count),
        staged = copy(live, count),
        before = copy(live, count),         -- name -> value, when the table was split
        offered = new_table(0, count),      -- set of names that were passed to `offer`
    }, Loaded)
    local serving, staged, before, shared = self.serving, self.staged, self.before, {}
    for name in next, before do
        rawset(live, name, nil)
    end
    local function mine()
        return is_other() and staged or serving
    end
    self.access = {
        __index = function(_, name)
            return mine()[name]
        end,
        __newindex = function(_, name, value)
            local target = mine()
            target[name] = value
            if passes_on and target == staged and not self.offered[name] then
                serving[name] = value
            end
            -- If serving code loads a library for the first time during the reload,
            -- share the library with non-serving code. `require` sets the entry twice:
            -- first to a marker while the library is being loaded, and then to the
            -- library's value.
            local is_first = before[name] == nil and staged[name] == nil
            if target == serving and not self.offered[name]
            and (is_first or shared[name] and rawequal(staged[name], before[name]))
            and self:is_shared(name, value) then
                staged[name], before[name], shared[name] = value, value, true
            end
        end,
        __pairs = function()
            return next, mine(), nil
        end,
    }
    setmetatable(live, self.access)
    self:split_package(mine)
    return self
end

--- Returns whether non-serving code also gets a module that serving code loads during
-- the reload. By default, the answer is always false. The creator of the object may
-- override this function.
function Loaded.is_shared()
    return false
end

--- Makes the expression `package.loaded` evaluate to the table that the running code
-- should see.
-- @tparam function mine () -> the table for the running code
function Loaded:split_package(mine)
    local fallback = self.package_metatable and self.package_metatable.__index
    self.package_access = {
        __index = function(table, key)
            if key == 'loaded' then
                return mine()
            elseif type(fallback) == 'function' then
                return fallback(table, key)
            end
            return fallback and fallback[key]
        end,
        __newindex = self.package_metatable and self.package_metatable.__newindex,
    }
    rawset(package, 'loaded', nil)
    setmetatable(package, self.package_access)
end

--- Sets the module that non-serving code finds under a name.
-- @tparam string name
-- @param value value of the module; nil to hide the module from non-serving code
function Loaded:offer(name, value)
    self.offered[name] = true
    self.staged[name] = value
end

--- Returns the module that non-serving code finds under a name.
function Loaded:find(name)
    return self.staged[name]
end

--- Returns the module that serving code finds under a name.
function Loaded:find_serving(name)
    return self.serving[name]
end

--- Returns the names of the modules that non-serving code may see with a different value
-- than serving code: the names passed to `offer`, and those that non-serving code has
-- set or removed.
-- @treturn table name -> true
function Loaded:changed()
    local names = {}
    for name in next, self.offered do
        names[name] = true
    end
    for name, value in next, self.staged do
        if not rawequal(value, self.before[name]) then
            names[name] = true
        end
    end
    for name in next, self.before do
        if self.staged[name] == nil then
            names[name] = true
        end
    end
    return names
end

--- Turns a copy of `package.loaded` into a proxy of the original. Code that has kept a
-- reference to the copy then uses the original.
-- @tparam table table the copy that the serving or the non-serving code has used
-- @tparam table live the original `package.loaded`
local function make_proxy(table, live)
    for name in next, table do
        table[name] = nil
    end
    setmetatable(table, {
        __index = live,
        __newindex = live,
        __pairs = function()
            return next, live, nil
        end,
    })
end

--- Puts the modules of the serving code into the original table, and makes that table
-- `package.loaded` again. A second call does nothing.
function Loaded:close()
    if self.closed then
        return
    end
    self.closed = true
    if getmetatable(self.live) == self.access then
        setmetatable(self.live, self.metatable)
    end
    for name, value in next, self.serving do
        rawset(self.live, name, value)
    end
    if getmetatable(package) == self.package_access then
        setmetatable(package, self.package_metatable)
    end
    rawset(package, 'loaded', self.live)
end

--- Empties the tables of the serving and the non-serving code, and turns both into
-- proxies of the original table.
function Loaded:release()
    make_proxy(self.serving, self.live)
    make_proxy(self.staged, self.live)
end

return {new = new}
