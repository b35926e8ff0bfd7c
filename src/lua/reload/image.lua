--- Takes the image, a record of what every object held before new code ran. The image
-- contains metatables, environments, the entries of tables and the upvalues of functions.
--
-- A rollback uses the image for two purposes: to distinguish objects of failed code from
-- older objects, and to restore values that failed code has overwritten.
--
-- The size of the image is limited. A table with very many entries is assumed to contain
-- data. The image omits the entries of such a table, and all objects that can be reached
-- only through it.

local require = ...
local clock = require('clock')
local address_lib = require('scan.address')
local bit = require('bit')
local fibers_lib = require('platform.fibers')
local generations = require('code.generations')
local roots_lib = require('scan.roots')
local yield = require('core.yield')
local walk_lib = require('scan.heap_walk')

-- Maximum number of entries to record per table, and maximum number of objects in the
-- image. If a table has more than `ENTRIES` entries, none of them are recorded.
local ENTRIES, OBJECTS = 10000, 100000
-- Maximum number of entries that `list_named` examines in one table.
local NAMED = 1000
-- Time limits for taking the image: a number of seconds, and a share of the remaining time.
-- The shorter of the two applies.
local SECONDS, SHARE = 2, 0.1
-- Number of tables over which the records are spread, by the address of the recorded
-- object. A single table of 100,000 records would block the server each time it grows.
local SHARDS = 256

local band, rshift = bit.band, bit.rshift
local getfenv, getmetatable, getupvalue = debug.getfenv, debug.getmetatable, debug.getupvalue

local Image = {}
Image.__index = Image

--- Copies the entries of a table. Returns nil if the table has too many entries.
local function copy_entries(object)
    local copy, count = {}, 0
    for key, value in next, object do
        count = count + 1
        if count > ENTRIES then
            return nil
        end
        copy[key] = value
    end
    return copy
end

local function has_value(object, value)
    for _, other in next, object do
        if rawequal(other, value) then
            return true
        end
    end
    return false
end

local function close_gaps(list)
    local last = 0
    for index = 1, table.maxn(list) do
        local value = list[index]
        if value ~= nil then
            last = last + 1
            list[index] = nil
            list[last] = value
        end
    end
end

local function copy_upvalues(f)
    local upvalues = {}
    for index = 1, 255 do
        local name, value = getupvalue(f, index)
        if name == nil then
            break
        end
        upvalues[index] = value
    end
    return upvalues
end

function Image:shard_of(object)
    return self.shards[band(rshift(self.address_of(object), 4), SHARDS - 1)]
end

--- Records what an object holds. The heap walk calls this function for each object.
-- @param object
-- @tparam string object_type type of the object
-- @treturn boolean whether the walk must follow the references of the object; also false
--   if the image is full
function Image:add(object, object_type)
    if self.count >= OBJECTS then
        self.is_complete = false
        return false
    end
    self.count = self.count + 1
    local record = {}
    if object_type == 'table' then
        record.entries = copy_entries(object)
    elseif object_type == 'function' then
        record.upvalues = copy_upvalues(object)
    end
    if object_type ~= 'function' and object_type ~= 'thread' then
        record.metatable = getmetatable(object)
    end
    if object_type ~= 'table' then
        record.environment = getfenv(object)
    end
    self:shard_of(object)[object] = record
    return object_type ~= 'table' or record.entries ~= nil
end

--- Returns the record of an object.
-- @treturn ?table {entries, upvalues, metatable, environment}; nil if the image does not
--   contain the object. `entries` is nil if the object is a table that had more than
--   `ENTRIES` entries, or if it is not a table.
function Image:find(object)
    return self:shard_of(object)[object]
end

--- Drops from the image the table entries that old code has removed, so that a rollback does
-- not restore them. Called when an old role has been stopped before the commit. Yields.
function Image:forget_removed()
    for _, shard in pairs(self.shards) do
        for object, record in pairs(shard) do
            yield.if_due()
            local entries = type(object) == 'table' and record.entries or {}
            local is_list, is_changed = rawget(entries, 1) ~= nil, false
            for key, value in pairs(entries) do
                if not rawequal(rawget(object, key), value) and not has_value(object, value) then
                    entries[key], is_changed = nil, true
                end
            end
            if is_list and is_changed then
                close_gaps(entries)
            end
        end
    end
end

--- Lists the table entries that the `stop` of an old role must not remove, because new
-- code may depend on them. These are entries that were set after the image was taken, and
-- entries to whose values new code refers. Only entries with string keys are listed. May
-- yield.
-- @tparam table kept set of objects to which new code refers, see `scan.census`
-- @treturn {table,...} list of {parent, key, child}: the table, and the key and value of
--   the entry
function Image:list_named(kept)
    local list = {}
    for _, shard in pairs(self.shards) do
        for object, record in pairs(shard) do
            local left = NAMED
            for key, value in next, type(object) == 'table' and record.entries and object or {} do
                left = left - 1
                if left == 0 then
                    break
                elseif type(key) == 'string' and (kept[value] or not rawequal(record.entries[key], value)) then
                    table.insert(list, {parent = object, key = key, child = value})
                end
            end
            yield.if_due()
        end
    end
    return list
end

--- Returns whether a fiber existed when the image was taken.
function Image:has_fiber(id)
    return self.fibers[id] ~= nil
end

--- Takes an image. Yields.
-- @tparam table options
--   stash: the state table, see `core.stash`; the image leaves it out
--   deadline: deadline of the transaction, on the monotonic clock
--   limit: size of the Lua memory at which the walk stops, in kilobytes
-- @treturn table the image. Its `is_complete` field is false if the walk reached a limit
--   before it had recorded all objects. Even a complete image lacks objects that can be
--   reached only through a table with too many entries.
local function take(options)
    local self = setmetatable({
        address_of = address_lib.reader() or address_lib.format,
        shards = {},
        fibers = {},
        count = 0,
        is_complete = true,
    }, Image)
    for index = 0, SHARDS - 1 do
        self.shards[index] = {}
    end
    for _, item in ipairs(fibers_lib.list_all()) do
        self.fibers[item.id] = true
    end
    local now = clock.monotonic()
    local walk = walk_lib.new({
        deadline = now + math.min(SECONDS, (options.deadline - now) * SHARE),
        limit = options.limit,
        without = {options.stash},
        classify = function(f)
            return generations.is_ours(f) and 'ours' or 'other'
        end,
        on_object = function(object, object_type)
            return self:add(object, object_type)
        end,
    })
    local is_whole = walk:run((roots_lib.collect()))
    self.is_complete = self.is_complete and is_whole
    return self
end

return {take = take}
