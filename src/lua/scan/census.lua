--- What new code has registered with libraries by the commit.
--
-- A request that new code serves after the commit may register something too, such
-- as a callback for its own reply. That stands for nothing that old code has
-- registered, though it is of the same code and at the same place. So what counts
-- as registered again is noted before any request reaches the new code.

local require = ...
local clock = require('clock')
local generations = require('reload.generations')
local registrations = require('scan.registrations')
local roots_lib = require('scan.roots')
local walk_lib = require('scan.heap_walk')

-- The share of the time left that the walk may take.
local SHARE = 0.1

local Census = {}
Census.__index = Census

local function new()
    return setmetatable({
        entries = setmetatable({}, {__mode = 'k'}),     -- holder -> entry -> true
        layers = setmetatable({}, {__mode = 'k'}),      -- set of closures
        is_complete = false,
    }, Census)
end

--- Takes a census. Yields.
-- @tparam table options
--   registry: of the instance, which is left out
--   is_new: function (f) -> whether it is new code
--   deadline: on the monotonic clock
--   limit: the most memory that Lua may have in use, in kilobytes
-- @treturn table with `is_complete`
local function take(options)
    local self = new()
    local locator = registrations.new()
    local now = clock.monotonic()
    local walk
    walk = walk_lib.new({
        deadline = now + (options.deadline - now) * SHARE,
        limit = options.limit,
        without = {options.registry},
        classify = function(f)
            return options.is_new(f) and 'stale' or generations.is_ours(f) and 'ours' or 'other'
        end,
        on_place = function(number, kind, key, value, object)
            local found = locator:locate({
                number = number, kind = kind, key = key, value = value, object = object,
            }, walk)
            if found ~= nil and found.kind ~= 'around' then
                self.entries[found.holder] = self.entries[found.holder] or {}
                self.entries[found.holder][found.entry] = true
            end
            -- The outermost closure is around others, and nothing is around it.
            for _ = 1, number > 0 and registrations.STEPS or 0 do
                if type(object) == 'function' then
                    self.layers[object] = true
                end
                local _, parent = walk:at(number)
                if parent < 1 then
                    break
                end
                object, number = walk:at(parent), parent
            end
        end,
    })
    self.is_complete = walk:run((roots_lib.collect()))
    return self
end

--- Whether a registration was there.
-- @tparam table found see `registrations`
-- @param entry of the holder that it is in
-- @treturn boolean
function Census:has(found, entry)
    if found.kind == 'around' then
        return self.layers[entry] ~= nil
    end
    local entries = self.entries[found.holder]
    return entries ~= nil and entries[entry] ~= nil
end

return {new = new, take = take}
