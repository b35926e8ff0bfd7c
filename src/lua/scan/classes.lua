--- Converts the objects of an old class to the new class. Replaces the old class
-- where it is the metatable of an object, or the `__index` of a metatable.

local require = ...
local patch_lib = require('scan.patch')
local places_lib = require('scan.places')

-- Maximum number of levels of inheritance to examine.
local BASES = 20

-- The reason that the report gives for not patching a reference to a class.
local UNKNOWN = 'other code may also use the class'

local Classes = {}
Classes.__index = Classes

--- Creates a record of the old classes that a pass over the heap finds.
-- @tparam table options see `new` in `scan.pass`
-- @tparam table places see `places`
-- @tparam table walk the walk that finds the objects
-- @treturn table the record; the keys of its field `pending` are the classes that
--   need another pass
local function new(options, places, walk)
    return setmetatable({
        options = options,
        places = places,
        walk = walk,
        known = {},         -- old class -> how its objects are handled, see `visit`
        pending = {},       -- old class postponed to the next pass -> a reference to it
    }, Classes)
end

--- Whether a table inherits from another table, or is that table.
local function inherits(object, other)
    for _ = 1, BASES do
        if type(object) ~= 'table' then
            return false
        elseif rawequal(object, other) then
            return true
        end
        local metatable = debug.getmetatable(object)
        local index = type(metatable) == 'table' and rawget(metatable, '__index')
        if rawequal(metatable, other) then
            return true
        end
        object = type(index) == 'table' and not rawequal(index, object) and index or nil
    end
    return false
end

--- Whether objects of an old class may get the new class as their metatable. This is
-- safe if each class is its own `__index`, or if no other code, such as a library,
-- uses the new class.
-- @tparam table class the old class
-- @tparam table counterpart the new class
-- @treturn ?boolean nil if only the next pass can tell
local function may_replace(self, class, counterpart)
    if rawequal(rawget(class, '__index'), class) and rawequal(rawget(counterpart, '__index'), counterpart) then
        return true
    elseif self.options.shared == nil then
        return nil
    end
    return not self.options.shared[counterpart]
end

--- Replaces an old class that is used as a metatable or as an `__index`, if possible.
-- A class may have a million objects, so the report describes only the first replaced
-- reference, and counts the others. The parameters are those of the option `on_place`
-- of `heap_walk.new`.
-- @treturn boolean true if the walk need not enter the old class
function Classes:visit(number, kind, key, value, object)
    local class = self.known[value]
    if class == nil then
        local counterpart = self.options.patch and self.options.counterparts:find_table(value)
        local is_replaceable = counterpart and may_replace(self, value, counterpart)
        if counterpart and is_replaceable == nil then
            self.pending[value] = self.places:create(number, kind, key, value, object)
        end
        class = {new = is_replaceable and counterpart or false}
        self.known[value] = class
    end
    if not class.new or inherits(class.new, object) then
        return false
    end
    local place = class.first or self.places:create(number, kind, key, value, object)
    local probe = {kind = kind, key = key, object = object, is_late = self.walk.is_late}
    if self.places:is_in_use(probe) then
        if not class.is_left then
            class.is_left = true
            self.places:report(self.places:create(number, kind, key, value, object), false, places_lib.IN_USE)
        end
        return false
    end
    patch_lib.patch(probe, class.new)
    if class.first == nil then
        class.first, place.more = place, 0
        self.places:report(place, true)
    else
        place.more = place.more + 1
    end
    return true
end

--- Whether an old class is postponed to the next pass.
function Classes:is_pending(class)
    return self.pending[class] ~= nil
end

--- Reports the classes that were postponed to the next pass. Called if the walk of this
-- pass was incomplete, because no other pass follows then.
function Classes:report_pending()
    for _, place in pairs(self.pending) do
        self.places:report(place, false, UNKNOWN)
    end
end

return {new = new}
