--- Finds all references to given objects, such as fibers, and makes them refer to
-- other objects.

local require = ...
local generations = require('code.generations')
local roots_lib = require('scan.roots')
local stacks = require('platform.stacks')
local yield = require('core.yield')
local walk_lib = require('scan.heap_walk')

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- Number of table entries to examine between two checks of the clock.
local ENTRIES = 128
local UPVALUES = 255

local Holders = {}
Holders.__index = Holders

local function add(self, object, kind, holder, key)
    table.insert(self.places[object], {kind = kind, holder = holder, key = key})
end

--- Searches the entries of a table for references to the given objects. Yields. If
-- the table changes during a yield, `next` may raise an error.
local function look_at_entries(self, holder)
    local left = ENTRIES
    for key, value in next, holder do
        if self.places[value] then
            add(self, value, 'field', holder, key)
        end
        if self.places[key] then
            -- Never replace a table key, because this could break a running
            -- traversal of the table.
            self.is_fixed[key] = true
        end
        left = left - 1
        if left == 0 then
            left = ENTRIES
            yield.if_due()
        end
    end
end

local function look_at_table(self, holder)
    if self.ignored[holder] then
        return
    end
    for _ = 1, 3 do
        if pcall(look_at_entries, self, holder) then
            return
        end
    end
    self.is_complete = false
end

local function look_at_function(self, holder)
    for index = 1, UPVALUES do
        local name, value = getupvalue(holder, index)
        if name == nil then
            return
        elseif self.places[value] then
            add(self, value, 'upvalue', holder, index)
        end
    end
end

--- Searches a stack for references to the given objects. Such references cannot be
-- replaced, because the running code is using them.
local function look_at_stack(self, thread)
    if self.without[thread] or thread == coroutine.running() or coroutine.status(thread) == 'dead' then
        return
    end
    for level = 0, stacks.LEVELS do
        if getinfo(thread, level, 'f') == nil then
            return
        end
        for _, step in ipairs({1, -1}) do
            local index = step
            while true do
                local name, value = getlocal(thread, level, index)
                if name == nil then
                    break
                elseif self.places[value] then
                    self.is_fixed[value] = true
                end
                index = index + step
            end
        end
    end
    self.is_complete = false
end

local LOOKS = {
    table = look_at_table,
    ['function'] = look_at_function,
    thread = look_at_stack,
}

--- Finds all references to given objects. Yields.
-- @tparam {userdata,...} objects
-- @tparam table options
--   deadline: in seconds, on the monotonic clock
--   limit: size of the Lua heap at which to stop, in kilobytes
--   threads: set of coroutines whose stacks are not searched
--   ignored: set of tables that are not searched
-- @treturn table the references; its methods are `can_replace` and `replace`
local function find(objects, options)
    local self = setmetatable({
        places = {},        -- object -> {{kind, holder, key}, ...}
        is_fixed = {},      -- set of objects with a reference that cannot be replaced
        without = options.threads,
        ignored = options.ignored,
        is_complete = true,
    }, Holders)
    for _, object in ipairs(objects) do
        self.places[object] = {}
    end
    self.ignored[self.places] = true
    self.ignored[objects] = true
    local walk = walk_lib.new({
        deadline = options.deadline,
        limit = options.limit,
        without = {self.places, objects},
        classify = function(f)
            return generations.is_ours(f) and 'ours' or 'other'
        end,
        on_object = function(object, object_type)
            local look = LOOKS[object_type]
            if look ~= nil then
                look(self, object)
            end
            return true
        end,
    })
    local is_whole = walk:run((roots_lib.collect()))
    self.is_complete = self.is_complete and is_whole
    return self
end

--- Whether all references to an object are known, and can be replaced.
function Holders:can_replace(object)
    return self.is_complete and not self.is_fixed[object]
end

--- Makes all known references to an object refer to another object. References that
-- have changed since the search stay as they are. Does not yield.
-- @param old the object
-- @param new the other object
function Holders:replace(old, new)
    for _, place in ipairs(self.places[old]) do
        if place.kind == 'upvalue' then
            local _, value = getupvalue(place.holder, place.key)
            if rawequal(value, old) then
                debug.setupvalue(place.holder, place.key, new)
            end
        elseif rawequal(rawget(place.holder, place.key), old) then
            rawset(place.holder, place.key, new)
        end
    end
end

return {find = find}
