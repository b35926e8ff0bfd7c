--- What this program keeps in an instance between two runs: the one global,
-- `__cartridge_reload`.
--
-- Fields: `generation`, `loaded_at` (unix time, of the last commit), `files`
-- (path -> digest of the code that serves), `names` (module -> path), `loads`
-- (module -> path of a file that it has loaded itself -> digest), `sources` (unit
-- -> generation in which it was loaded last), `aliases` (chunk name that is not a
-- path -> unit), `values` (weak: module -> what it was loaded as then), `protos`
-- (weak: prototype of a function -> its generation), `units` (weak: prototype ->
-- its unit, see `ownership`), `failed` (weak: prototypes of code that failed),
-- `known` (unit -> weak: stale function of it -> its name and the way to it from
-- its module), `tables` (weak: table of an old module -> the same),
-- `strangers` (weak: tables that new code has got from others),
-- `routes` (weak: HTTP route -> files it came with), `placed` (weak: trigger,
-- hook or helper that a reload has set -> set of its places), `ffi` (C
-- declarations -> verdict), `ffi_names` (how many names were made up for them),
-- `lock`, `last`.

local require = ...
local fiber = require('fiber')

local NAME = '__cartridge_reload'
-- Of the layout below. Another version of this program may have been here
-- before; what it noted in another way is not known then, which is safe.
local VERSION = 5

--- What another version of this program may have left, as far as all versions
-- agree on it.
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

--- The registry of this instance, made on first use.
-- Only commands that change the instance may make it.
-- @treturn table
local function get()
    local self = rawget(_G, NAME)
    if type(self) ~= 'table' or self.version ~= VERSION then
        self = carry_over(type(self) == 'table' and self or nil)
        rawset(_G, NAME, self)
    end
    return self
end

--- The registry of this instance if there is one, for commands that only look.
-- One of another layout is read as `get` would take it over.
-- @treturn table an empty one at generation 0 if there is none
local function peek()
    local self = rawget(_G, NAME)
    if type(self) ~= 'table' or self.version ~= VERSION then
        return carry_over(type(self) == 'table' and self or nil)
    end
    return self
end

--- Who holds the lock, if anyone does.
-- A lock whose fiber is dead is nobody's.
-- @treturn ?table {holder = string, seconds = number, phase = ?string,
--   role = ?string}, the last what it is doing
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
-- @tparam string who as shown to those who find it taken
-- @treturn[1] table the lock, to be given to `release`
-- @treturn[2] nil
-- @treturn[2] table who holds it, see `holder`
local function acquire(who)
    local held = holder()
    if held ~= nil then
        return nil, held
    end
    local lock = {fiber = fiber.self(), holder = who, since = fiber.clock()}
    get().lock = lock
    return lock
end

--- Gives the lock back; does nothing if it was taken over.
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
