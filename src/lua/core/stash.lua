--- The state table, in which this program keeps data in an instance between two runs. It
-- is the only global variable of this program, `__cartridge_reload`.
--
-- Fields ("weak" marks tables with weak references):
--   generation   number of the current generation
--   loaded_at    Unix time of the last commit
--   files        path -> digest of the code that was loaded from it
--   names        module -> path
--   loads        module -> path of a file that the module loaded without `require`
--                -> digest
--   sources      unit -> generation that loaded it last
--   aliases      chunk name that is not a path -> unit
--   values       weak: module -> its value in `package.loaded`
--   protos       weak: prototype of a function -> its generation
--   units        weak: prototype -> its unit, see `ownership`
--   recording    {protos, generation} of the new code; exists only while `protos` and
--                `units` are being filled
--   failed       weak: prototypes of failed code
--   known        unit -> weak: stale function -> its name, and its path from the module
--   tables       weak: table of an old module -> its name and path from that module
--   strangers    weak: tables that new code got from other code
--   routes       weak: HTTP route set by a reload -> set of the files of that reload
--   placed       weak: trigger, hook or helper set by a reload -> set of the places
--                where it was set
--   watchers     optional, weak: callback that a reload has registered with `box.watch`
--                -> {key, watcher, slot} of each watcher
--   ffi          text of C declarations -> verdict, see `adapters.ffi`
--   ffi_names    number of the last name generated to compare C declarations
--   lock, last   the lock, and the outcome of the last reload

local require = ...
local fiber = require('fiber')

local NAME = '__cartridge_reload'
-- Version of the layout of the state table. Data in another layout, left by a different
-- version of this program, is dropped. This is safe: it only makes the next reloads
-- less precise.
local VERSION = 5

--- Creates a state table. Copies those fields of the previous state table that have the
-- same meaning in all versions.
-- @tparam ?table before the previous state table
local function carry_over(before)
    local generation = type(before) == 'table' and before.generation
    return {
        version = VERSION,
        generation = type(generation) == 'number' and generation or 0,
        loaded_at = before and before.loaded_at,
        lock = before and before.lock,
        last = before and before.last,
        files = {},
        names = {},
        loads = {},
        sources = {},
        aliases = {},
        values = setmetatable({}, {__mode = 'v'}),
        protos = setmetatable({}, {__mode = 'k'}),
        units = setmetatable({}, {__mode = 'k'}),
        failed = setmetatable({}, {__mode = 'k'}),
        known = {},
        tables = setmetatable({}, {__mode = 'k'}),
        strangers = setmetatable({}, {__mode = 'k'}),
        routes = setmetatable({}, {__mode = 'k'}),
        placed = setmetatable({}, {__mode = 'k'}),
    }
end

--- Returns the state table, and creates it if necessary. Only commands that change the
-- instance may call this function.
-- @treturn table
local function get()
    local self = rawget(_G, NAME)
    if type(self) ~= 'table' or self.version ~= VERSION then
        self = carry_over(type(self) == 'table' and self or nil)
        rawset(_G, NAME, self)
    end
    return self
end

--- Returns the state table without creating it, for read-only commands. If the table has
-- a different layout version, returns a converted copy.
-- @treturn table if there is no state table, a new one without data, with generation 0
local function peek()
    local self = rawget(_G, NAME)
    if type(self) ~= 'table' or self.version ~= VERSION then
        return carry_over(type(self) == 'table' and self or nil)
    end
    return self
end

--- Returns the holder of the lock. Ignores a lock that belongs to a dead fiber.
-- @treturn ?table {holder, seconds, phase, role}; nil if nothing holds the lock.
--   `seconds` is how long the lock has been held. `phase` and `role`, which may be nil,
--   say what the holder is doing.
local function holder()
    local lock = peek().lock
    local is_known, status = pcall(function()
        return lock.fiber:status()
    end)
    if not is_known or status == 'dead' then
        return nil
    end
    local since = tonumber(lock.since) or fiber.clock()
    return {
        holder = tostring(lock.holder),
        seconds = math.max(0, math.floor((fiber.clock() - since) * 1000) / 1000),
        phase = lock.phase,
        role = lock.role,
    }
end

--- Takes the lock for the running fiber.
-- @tparam string who name of the new holder, shown to other users
-- @treturn[1] table the lock, to be passed to `release`
-- @treturn[2] nil
-- @treturn[2] table the current holder of the lock, see `holder`
local function acquire(who)
    local held = holder()
    if held ~= nil then
        return nil, held
    end
    local lock = {fiber = fiber.self(), holder = who, since = fiber.clock()}
    get().lock = lock
    return lock
end

--- Releases the lock, unless another fiber has taken it in the meantime.
local function release(lock)
    local self = get()
    if self.lock == lock then
        self.lock = nil
    end
end

return {
    NAME = NAME,
    get = get,
    peek = peek,
    holder = holder,
    acquire = acquire,
    release = release,
}
