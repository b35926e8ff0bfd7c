--- A pass of the scan. Walks the heap and examines each place: each slot that refers
-- to a stale function or to a table of an old module. Patches the place if possible,
-- and reports it (see `places`). The functions of a table are patched as a group (see
-- `table_patches`), and so are the objects of a class (see `classes`).

local require = ...
local bytecode = require('platform.bytecode')
local classes_lib = require('scan.classes')
local copies_lib = require('scan.copies')
local duplicates_lib = require('scan.duplicates')
local generations = require('code.generations')
local fiber = require('fiber')
local newcode = require('scan.newcode')
local patch_lib = require('scan.patch')
local places_lib = require('scan.places')
local registrations_lib = require('scan.registrations')
local roots_lib = require('scan.roots')
local stand_ins = require('scan.stand_ins')
local table_patches_lib = require('scan.table_patches')
local walk_lib = require('scan.heap_walk')

-- Reasons that the report gives for a place that is not patched.
local TAKEN = 'the new code now uses it'
local SHARED = 'it needs %s, which the new code has put into another table'
-- Reason that the report gives if a reference was removed instead of patched.
local REMOVED = 'removed: the new code registered its own'

local Pass = {}
Pass.__index = Pass

--- Creates a pass.
-- @tparam table options options of `run` in `scan.init`, with these additional fields:
--   believed: the records of generations, except those of foreign modules; see
--     `believed` in `scan.init`
--   limit: size of the Lua heap at which to stop, in kilobytes
--   lists (optional): lists of the previous walk, see `heap_walk`
--   requests: see `requests`
--   shared: the field `shared` of the previous pass; nil for the first pass
-- @treturn table the pass. After `run`, it has these results:
--   places: see `places`
--   threads: coroutines of fibers that are running old code
--   pending: table whose keys are the classes that need another pass
--   shared: set of tables of new code to which other code also refers
--   walk: the walk; is_complete, stopped: see `heap_walk`
local function new(options)
    local self = setmetatable({
        options = options,
        is_changed = false, -- whether a place was patched without being reported
        keys = {},          -- places that are table keys, to be patched after the walk
        fibers = {},        -- set of the coroutines of all fibers
        threads = {},       -- coroutines of fibers that are running old code
        triggers = {},      -- set of functions that are set as triggers
    }, Pass)
    self.registrations = registrations_lib.new(options.counterparts, options.census)
    self.duplicates = duplicates_lib.new(self.registrations)
    self.copies = copies_lib.new(options.stash)
    self.walk = walk_lib.new({
        deadline = options.deadline,
        limit = options.limit,
        lists = options.lists,
        -- Don't search the state table: its references to stale functions are weak.
        without = {options.stash},
        stands_in = options.patch and stand_ins.original_of or nil,
        puts_off = options.patch,
        classify = function(f)
            return (generations.classify(options.believed, f))
        end,
        on_loadstring_function = function(number)
            self.places:note_loadstring_function(number)
        end,
        on_place = function(...)
            return self:on_place(...)
        end,
    })
    self.places = places_lib.new(options, self.walk)
    self.classes = classes_lib.new(options, self.places, self.walk)
    self.table_patches = table_patches_lib.new(options, self.places, self.walk)
    self.pending, self.shared = self.classes.pending, self.table_patches.shared
    return self
end

--- Returns whether a place is a key of a weak table that stores data about a
-- function. Such a place can be ignored: nothing calls the function through it, and
-- the entry disappears with the function.
local function is_memory(place)
    local metatable = place.kind == 'key' and debug.getmetatable(place.object)
    local mode = type(metatable) == 'table' and rawget(metatable, '__mode')
    return type(mode) == 'string' and mode:find('k', 1, true) and rawget(place.object, place.value) ~= true
end

--- If new code refers to a chain of nested old wrappers, keeps only the innermost one.
-- If all were kept, each reload would add another wrapper.
-- @tparam table place the reference from new code to the outermost wrapper
-- @tparam ?function fewer the innermost wrapper, see `newcode.unwrap`; nil if none
--   was found
-- @treturn table the updated place; `place` itself if it was not changed
function Pass:strip(place, fewer)
    if fewer == nil or self.places:is_in_use(place) or not patch_lib.patch(place, fewer) then
        return place
    end
    self.is_changed = true
    return self.places:create(place.number, place.kind, place.key, fewer, place.object)
end

--- Handles a place that refers to a stale function, unless the place can be ignored:
-- patches the place if possible, and adds it to the report as patched or unpatched.
-- @tparam table place
-- @tparam ?table missing if the place is in a table that is patched as a whole, the set
--   of keys whose functions the table does not get from its counterpart. A new function
--   that uses one of these keys must not be put into the table.
function Pass:handle(place, missing)
    local counterparts = self.options.counterparts
    if self.places:is_reported(place) or is_memory(place) then
        return
    elseif counterparts:name_of(place.value, place.source) == nil and self.copies:has(place.value, place.source) then
        return
    elseif not self.options.patch then
        self.places:report(place)
        return
    end
    local holders = place.kind ~= 'key' and newcode.holders_of(place, self.walk, counterparts) or {}
    local successor, why
    if #holders > 0 then
        local is_known, fewer
        is_known, successor, fewer = newcode.unwrap(place, holders, self.options.believed, counterparts)
        if not is_known then
            self.places:report(self:strip(place, fewer), false, TAKEN)
            return
        end
    else
        successor, why = counterparts:find(place.value, place.source)
        if successor == nil and counterparts:name_of(place.value, place.source) == nil then
            successor = self.registrations:twin_of(place, self.walk)
        end
        if successor == nil then
            self.places:report(place, false, why)
            return
        end
    end
    self:patch(place, successor, missing)
end

--- Patches a place unless something prevents it. Adds the place to the report as
-- patched or unpatched. An old registration that new code has repeated is neither
-- patched nor reported here, unless the place is a table key: it is removed later, see
-- `duplicates`.
-- @tparam table place
-- @tparam ?function|table successor the new value
-- @tparam ?table missing see `handle`
function Pass:patch(place, successor, missing)
    if place.kind ~= 'frame' and self.places:is_in_use(place) then
        self.places:report(place, false, places_lib.IN_USE)
        return
    elseif place.kind == 'key' then
        place.counterpart = self.table_patches.counterparts[place.object]
            or self.options.counterparts:find_table(place.object)
        place.is_iterated = place.counterpart ~= nil and self.walk:is_iterated(place.object)
        local is_there = rawget(place.object, successor) ~= nil
        local is_patched, why = patch_lib.patch(place, successor)
        self.places:report(place, is_patched, is_there and is_patched and REMOVED or why)
        return
    elseif (type(successor) == 'function' or type(successor) == 'table')
        and self.duplicates:note(place, successor, self.walk) then
        return
    end
    local name = missing ~= nil and type(successor) == 'function' and bytecode.find_constant(successor, missing)
    if name then
        self.places:report(place, false, SHARED:format(name))
    else
        self.places:report(place, patch_lib.patch(place, successor))
    end
end

--- Replaces a stand-in with the original function, see `stand_ins`. If the original
-- function is stale, handles the place again.
function Pass:restore_original(place)
    local original = stand_ins.original_of(place.value)
    while original ~= nil and generations.classify(self.options.believed, original) == 'ours' do
        original = stand_ins.original_of(original)
    end
    if original == nil or place.kind == 'key' or not patch_lib.patch(place, original) then
        return
    end
    self.is_changed = true
    if generations.classify(self.options.believed, original) == 'stale' then
        self:handle(self.places:create(place.number, place.kind, place.key, original, place.object))
    end
end

--- Handles a reference to a table of an old module: patches the reference if possible,
-- and adds it to the report as patched or unpatched. Ignores a reference to a table that
-- is shared with other code. The parameters are those of the option `on_place` of
-- `heap_walk.new`.
-- @treturn boolean true if the walk need not enter the table
function Pass:on_module(number, kind, key, value, object)
    local counterparts = self.options.counterparts
    local place = self.places:create(number, kind, key, value, object)
    local counterpart, why, is_shared = counterparts:find_table(value)
    if is_shared then
        return false
    elseif self.places:is_reported(place) then
        return true
    elseif not self.options.patch then
        self.places:report(place)
        return true
    elseif counterpart == nil then
        self.places:report(place, false, why)
    elseif kind == 'key' then
        table.insert(self.keys, place)
    else
        local holder = newcode.holders_of(place, self.walk, counterparts)[1]
        if holder ~= nil and counterparts:is_of_module(holder, place.name) then
            -- A new module that refers to its own old table probably does so on
            -- purpose, to keep state.
            self.places:report(place, false, TAKEN)
        else
            self:patch(place, counterpart)
        end
    end
    return true
end

--- Handles a place that the walk has found. The parameters and the result are those
-- of the option `on_place` of `heap_walk.new`.
function Pass:on_place(number, kind, key, value, object)
    if type(value) == 'table' and self.table_patches.watched[value] then
        self.table_patches:note_holder(kind, key, value, object)
        return
    elseif type(value) == 'table' then
        if kind == 'metatable' or key == '__index' then
            return self.classes:visit(number, kind, key, value, object)
        end
        return self:on_module(number, kind, key, value, object)
    elseif kind == 'root' then
        self.triggers[value] = true
    elseif object == debug.getregistry() and self.triggers[value] then
        -- The walk has already found this trigger as a root, with a meaningful name.
        return
    elseif kind == 'frame' then
        if self.fibers[object] then
            table.insert(self.threads, object)
        end
    elseif kind == 'field' and (self.table_patches.counterparts[object] or self.classes:is_pending(object)) then
        return
    end
    local place = self.places:create(number, kind, key, value, object)
    if place.source == nil then
        self:restore_original(place)
    elseif kind == 'key' then
        -- Patch the key after the walk: the walk is still reading the table.
        table.insert(self.keys, place)
    else
        local counterpart, is_own
        if kind == 'field' and self.options.patch then
            counterpart, is_own = self.table_patches:counterpart_of(place)
        end
        if counterpart ~= nil then
            self.table_patches:add(place, counterpart, is_own)
        else
            self:handle(place)
        end
    end
end

--- Handles a place that is a table key. Called after the walk.
function Pass:handle_key(place)
    if type(place.value) == 'function' then
        self:handle(place)
    elseif not self.places:is_reported(place) then
        self:patch(place, (self.options.counterparts:find_table(place.value)))
    end
end

--- Adds to the report an old registration that new code has repeated.
-- @tparam table item the old registration, see `duplicates`
-- @tparam ?boolean is_done whether the old registration was removed. If it is nil, the
--   old or the new registration no longer existed, and nothing is reported.
function Pass:finish_duplicate(item, is_done)
    local place = item.place
    if is_done == false then
        self.places:report(place, false, 'a loop is iterating over a list that also holds the new registration')
    elseif is_done then
        if rawequal(item.entry, place.object) then
            -- Other code may also refer to the removed entry, so patch the function
            -- in it.
            patch_lib.patch(place, item.new)
        end
        self.places:report(place, true, REMOVED)
    end
end

--- Runs the pass: walks the heap, then patches the places that cannot be patched
-- during the walk. Yields.
function Pass:run()
    -- Yield to let new fibers start: until then, they have no stack to walk.
    fiber.sleep(0)
    local threads = {}
    self.roots, self.hidden = roots_lib.collect()
    for _, root in ipairs(self.roots) do
        if root.kind == 'fiber' then
            self.fibers[root.value] = true
            table.insert(threads, root.value)
        end
    end
    if self.options.patch or self.options.drain then
        self.options.requests:collect(threads)
    end
    -- Catch errors: completed patches must be reported in any case.
    local ok, err = pcall(function()
        self.walk.tables = self.table_patches:watch()
        self.is_complete = self.walk:run(self.roots)
        self.table_patches:patch_all(self.is_complete, function(place, missing)
            self:handle(place, missing)
        end)
        for _, place in ipairs(self.keys) do
            if not self.walk:go_on() then
                self.is_complete = false
                break
            end
            self:handle_key(place)
        end
        -- Remove old registrations only after the old roles have stopped, because the
        -- `stop` functions of the roles may remove some of them. If an old role is
        -- still running, leave the removal to the next pass.
        if self.options.waits == nil or not self.options.waits() then
            self.duplicates:resolve(self.options.deadline, function(item, is_done)
                self:finish_duplicate(item, is_done)
            end)
        end
    end)
    self.stopped = self.walk.stopped
    if not ok then
        self.is_complete, self.stopped = false, tostring(err)
    end
    if not self.is_complete then
        self.classes:report_pending()
    end
    if self.places.patched_count > 0 or self.is_changed then
        -- Traces of the JIT compiler contain the old functions as constants: discard
        -- the traces.
        jit.flush()
    end
    self.places:describe(self.roots)
end

return {new = new}
