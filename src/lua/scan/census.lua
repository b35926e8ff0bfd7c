--- The census: a record of the registrations, such as callbacks, that new code has
-- made with libraries before the commit. It is taken before any request reaches the
-- new code.
--
-- A registration in the census replaces an old one with the same purpose. A later
-- registration does not, because it may belong to a single request: for example, a
-- callback that waits for a reply.

local require = ...
local clock = require('clock')
local generations = require('code.generations')
local registrations = require('scan.registrations')
local roots_lib = require('scan.roots')
local walk_lib = require('scan.heap_walk')

-- Maximum duration of the heap walk, as a share of the time until the deadline.
local SHARE = 0.1

-- UPVALUES: maximum number of upvalues to examine in a function. FIELDS: maximum
-- number of fields to examine in a table that an upvalue contains.
local UPVALUES, FIELDS = 60, 50

local Census = {}
Census.__index = Census

local function new()
    return setmetatable({
        entries = setmetatable({}, {__mode = 'k'}),     -- holder (see `registrations`) -> entry -> true
        layers = setmetatable({}, {__mode = 'k'}),      -- set of closures that may be wrappers around new functions
        edges = {},         -- references {parent, key, child} on paths to new functions
        kept = {},          -- set of objects to which new code refers
        is_complete = false,
    }, Census)
end

--- Records a reference on the path to a new function: `parent` refers to `child`.
-- @tparam table seen recorded references: parent -> set of keys. If `child` is not the
--   value but the key of an entry in `parent`, `child` itself is added to the set.
-- @tparam table|function parent
-- @param key key of the reference, see `heap_walk`
-- @param child
local function add_edge(self, seen, parent, key, child)
    local is_member = key == walk_lib.KEY
    if type(parent) == 'table' and (is_member or type(key) == 'string' or type(key) == 'number')
    or type(parent) == 'function' and type(key) == 'number' then
        local mark = is_member and child or key
        seen[parent] = seen[parent] or {}
        if not seen[parent][mark] then
            seen[parent][mark] = true
            table.insert(self.edges, {parent = parent, key = key, child = child})
        end
    end
end

--- Collects the objects to which a new function refers: those in its upvalues, and
-- those in the fields of tables in its upvalues. Some may be older than the new code,
-- for example if a library has passed them to the function.
-- @tparam table kept set to which the objects are added
-- @tparam function f
local function add_kept(kept, f)
    local function add(value)
        local kind = type(value)
        if kind == 'table' or kind == 'userdata' or kind == 'cdata' then
            kept[value] = true
        end
    end
    for index = 1, UPVALUES do
        local name, value = debug.getupvalue(f, index)
        if name == nil then
            break
        end
        add(value)
        local left = FIELDS
        for _, field in next, type(value) == 'table' and value or {} do
            left = left - 1
            if left == 0 then
                break
            end
            add(field)
        end
    end
end

--- Takes a census. Yields.
-- @tparam table options
--   stash: see `core.stash`; not searched
--   is_new: function (f) -> whether `f` is new code
--   deadline: in seconds, on the monotonic clock
--   limit: size of the Lua heap at which to stop, in kilobytes
-- @treturn table the census; `is_complete` tells whether the whole heap was
--   searched
local function take(options)
    local self = new()
    local locator, seen, functions = registrations.new(), {}, {}
    local now = clock.monotonic()
    local walk
    walk = walk_lib.new({
        deadline = now + (options.deadline - now) * SHARE,
        limit = options.limit,
        without = {options.stash},
        classify = function(f)
            return options.is_new(f) and 'stale' or generations.is_ours(f) and 'ours' or 'other'
        end,
        on_place = function(number, kind, key, value, object)
            if not functions[value] then
                functions[value] = true
                add_kept(self.kept, value)
            end
            local found = locator:locate({
                number = number, kind = kind, key = key, value = value, object = object,
            }, walk)
            if found ~= nil and found.kind ~= 'around' then
                self.entries[found.holder] = self.entries[found.holder] or {}
                self.entries[found.holder][found.entry] = true
            end
            -- Any closure on the path to the function may be a wrapper around it.
            if kind == 'key' then
                key = walk_lib.KEY
            end
            for _ = 1, number > 0 and registrations.STEPS or 0 do
                if type(object) == 'function' then
                    self.layers[object] = true
                end
                add_edge(self, seen, object, key, value)
                local _, parent, way = walk:at(number)
                if parent < 1 then
                    break
                end
                value, key = object, way
                object, number = walk:at(parent), parent
            end
        end,
    })
    self.is_complete = walk:run((roots_lib.collect()))
    return self
end

--- Returns whether the census contains an entry.
-- @tparam table found a registration in the same holder, see `registrations`
-- @param entry
function Census:has(found, entry)
    if found.kind == 'around' then
        return self.layers[entry] ~= nil
    end
    local entries = self.entries[found.holder]
    return entries ~= nil and entries[entry] ~= nil
end

return {new = new, take = take}
