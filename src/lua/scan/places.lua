--- The places of one pass of the scan: slots that refer to old functions or tables.
-- Creates the places, records whether each was patched, and describes them for the
-- report.

local require = ...
local describe_lib = require('scan.describe')
local generations = require('code.generations')
local yield = require('core.yield')

-- Maximum number of patched places that one pass lists for the report. The same limit
-- applies to unpatched places. Further places are only counted.
local PLACES = 5000
-- Maximum number of recorded functions that were compiled from strings.
local LOADSTRING_FUNCTIONS = 200

-- Reason for not patching a place that a request is using, see `is_in_use`.
local IN_USE = 'a request that started on the old code still uses it'

local Places = {}
Places.__index = Places

--- Creates an empty collection of places.
-- @tparam table options see `new` in `scan.pass`
-- @tparam table walk the walk that finds the places
-- @treturn table
--   patched, left: lists of the patched and of the unpatched places. `describe`
--     replaces each place with its description.
--   patched_count, left_count: numbers of places, including those that are not
--     listed
--   loadstring_functions: list of the functions that were compiled from strings.
--     `describe` replaces each function with its description, or leaves it out.
local function new(options, walk)
    return setmetatable({
        options = options,
        walk = walk,
        patched = {},
        left = {},
        patched_count = 0,
        left_count = 0,
        loadstring_functions = {},
        reported = {},      -- object -> key -> value, of places that were reported as unpatched
    }, Places)
end

--- Creates a place. The parameters are those of the option `on_place` of
-- `heap_walk.new`.
-- @treturn table
function Places:create(number, kind, key, value, object)
    local place = {
        number = number,
        kind = kind,
        key = key,
        value = value,
        object = object,
        is_late = self.walk.is_late,
    }
    if type(value) == 'function' then
        local _
        _, place.source, place.line, place.generation = generations.classify(self.options.believed, value)
    else
        place.name, place.source, place.line, place.generation =
            self.options.counterparts:describe_table(value)
    end
    return place
end

--- Returns whether a place need not be reported: it was already reported, or it is a
-- table key that no longer exists. The walk finds the same places again if it
-- restarts in a table that has changed.
function Places:is_reported(place)
    local reported = place.object ~= nil and self.reported[place.object]
    return reported and reported[place.key] == place.value
        or place.kind == 'key' and rawget(place.object, place.value) == nil
end

--- Records for the report whether a place was patched.
-- @tparam table place
-- @tparam ?boolean is_patched
-- @tparam ?string reason why the place was not patched, or how it was patched
function Places:report(place, is_patched, reason)
    place.patched, place.reason = is_patched or false, reason
    if not is_patched and (place.kind == 'field' or place.kind == 'key') then
        self.reported[place.object] = self.reported[place.object] or {}
        self.reported[place.object][place.key] = place.value
    end
    local name = is_patched and 'patched' or 'left'
    if #self[name] < PLACES then
        table.insert(self[name], place)
    end
    self[name .. '_count'] = self[name .. '_count'] + 1
end

--- Returns whether a place must not be patched yet, because a request that started on
-- old code is still using it.
function Places:is_in_use(place)
    local requests, moment = self.options.requests, self.walk.slices
    if place.is_late or requests:hold(place, moment) then
        return true
    elseif place.kind ~= 'field' then
        return false
    end
    return (rawequal(place.object, debug.getregistry()) or self.options.counterparts:find_table(place.object) ~= nil)
        and requests:are_running(moment)
end

--- Records a function that was compiled from a string, for the report.
-- @tparam number number the number that the walk has given to the function
function Places:note_loadstring_function(number)
    if #self.loadstring_functions < LOADSTRING_FUNCTIONS then
        table.insert(self.loadstring_functions, {number = number, kind = 'object'})
    end
end

local function describe(self, roots, place)
    -- Catch errors: describing the place may call the application's metamethods, and
    -- they may throw.
    local ok, kind, where = pcall(describe_lib.describe, self.walk, roots, place)
    if not ok then
        kind, where = 'table', 'an unnamed place'
    end
    if (place.more or 0) > 0 then
        where = ('%s and %d more'):format(where, place.more)
    end
    return {
        kind = kind,
        where = where,
        ['function'] = ('%s:%d'):format(place.source:gsub('^@', ''), place.line),
        name = place.name or self.options.counterparts:name_of(place.value, place.source),
        generation = place.generation,
        patched = place.patched,
        reason = place.reason,
    }
end

--- Replaces each recorded place with its description. Does the same with the functions
-- that `note_loadstring_function` has recorded, but leaves some out. May yield.
-- @tparam {table,...} roots see `roots`
function Places:describe(roots)
    for _, list in ipairs({self.patched, self.left}) do
        for i, place in ipairs(list) do
            -- In a cancelled fiber, `if_due` throws an error. Ignore it, because the
            -- report needs all descriptions.
            pcall(yield.if_due)
            list[i] = describe(self, roots, place)
        end
    end
    local functions = self.loadstring_functions
    self.loadstring_functions = {}
    for _, place in ipairs(functions) do
        local is_described, kind, where = pcall(describe_lib.describe, self.walk, roots, place)
        -- Leave out functions in the Lua registry, because they belong to Tarantool.
        if is_described and kind ~= 'registry' then
            table.insert(self.loadstring_functions, where)
        end
    end
end

return {IN_USE = IN_USE, new = new}
