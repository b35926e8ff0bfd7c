--- A pass of the scan: walks the heap and examines each place, that is, each
-- reference to a stale function or to a table of an old module. Patches the place
-- if possible, and reports it.

local require = ...
local bytecode = require('platform.bytecode')
local copies_lib = require('scan.copies')
local duplicates_lib = require('scan.duplicates')
local generations = require('code.generations')
local fiber = require('fiber')
local newcode = require('scan.newcode')
local patch_lib = require('scan.patch')
local registrations_lib = require('scan.registrations')
local roots_lib = require('scan.roots')
local yield = require('core.yield')
local stand_ins = require('scan.stand_ins')
local walk_lib = require('scan.heap_walk')
local words = require('scan.describe')

-- Maximum number of places that are listed in the report. Others are only counted.
local PLACES = 5000
-- Maximum number of functions compiled from strings that are described.
local TEXTS = 200
-- Maximum number of entries in a table that is patched as a whole. Larger tables
-- are assumed to be data, not code.
local SMALL = 1000
-- Maximum number of levels of base classes that are examined.
local BASES = 20

-- Reasons for which a place is not patched.
local IN_USE = 'a request that started on the old code still uses it'
local TAKEN = 'the new code now uses it'
local SHARED = 'it needs %s, which the new code has put into another table'
local UNKNOWN = 'other code may also use the class'
-- Reported as the reason if a place was removed instead of patched.
local REMOVED = 'removed: the new code registered its own'

local Pass = {}
Pass.__index = Pass

--- Creates a pass.
-- @tparam table options options of `run` in `scan.init`, and
--   believed: result of `believed` in `scan.init`: the records about generations,
--     without those of foreign modules
--   limit: Lua memory at which to stop, in kilobytes
--   lists: optional: lists of the previous walk, see `heap_walk`
--   requests: see `requests`
--   shared: `shared` of the previous pass; nil in the first
-- @treturn table the pass. After `run`, its results are
--   patched, left: lists of descriptions of places, for the report
--   patched_count, left_count: numbers of places, including those that are not listed
--   texts: descriptions of functions that were compiled from strings
--   threads: coroutines of fibers that are running old code
--   pending: table whose keys are classes that need another pass
--   shared: set of tables of new code to which other code refers, too
--   walk, is_complete, stopped: see `heap_walk`
local function new(options)
    local self = setmetatable({
        options = options,
        patched = {},       -- places
        left = {},
        patched_count = 0,
        left_count = 0,
        is_changed = false, -- whether a place was patched without being reported
        keys = {},          -- places that are table keys, to be patched after the walk
        fibers = {},        -- set of the coroutines of all fibers
        threads = {},       -- coroutines of fibers that are running old code
        texts = {},         -- functions compiled from strings
        triggers = {},      -- set of functions that are set as triggers
        classes = {},       -- old class -> how its objects are handled, see `on_class`
        pending = {},       -- old class -> a place that refers to it, left to the next pass
        renewed = {},       -- table to be patched as a whole -> its counterpart
        renewals = {},      -- the same tables in order: {object, counterpart, number, is_own}
        watched = {},       -- set of the counterparts of old tables
        shared = {},        -- set of the `watched` tables to which other code refers, too
        told = {},          -- object -> key -> value, of places that were reported as left
    }, Pass)
    self.registrations = registrations_lib.new(options.counterparts, options.census)
    self.duplicates = duplicates_lib.new(self.registrations)
    self.copies = copies_lib.new(options.stash)
    self.walk = walk_lib.new({
        deadline = options.deadline,
        limit = options.limit,
        lists = options.lists,
        -- Leave out the state table, because its references to stale functions are
        -- weak.
        without = {options.stash},
        stands_in = options.mend and stand_ins.original_of or nil,
        puts_off = options.mend,
        classify = function(f)
            return (generations.classify(options.believed, f))
        end,
        on_text = function(number)
            if #self.texts < TEXTS then
                table.insert(self.texts, {number = number, kind = 'object'})
            end
        end,
        on_place = function(...)
            return self:on_place(...)
        end,
    })
    return self
end

local function new_place(self, number, kind, key, value, object)
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

--- Whether a place is a key of a weak table that stores data about a function. Such
-- a place can be ignored: nothing calls the function through it, and it disappears
-- with the function.
local function is_memory(place)
    local metatable = place.kind == 'key' and debug.getmetatable(place.object)
    local mode = type(metatable) == 'table' and rawget(metatable, '__mode')
    return type(mode) == 'string' and mode:find('k', 1, true) and rawget(place.object, place.value) ~= true
end

--- Whether a place was already reported. This happens when the walk has to walk a
-- table again.
function Pass:is_told(place)
    local told = place.object ~= nil and self.told[place.object]
    return told and told[place.key] == place.value
        or place.kind == 'key' and rawget(place.object, place.value) == nil
end

--- Records for the report whether a place was patched.
-- @tparam table place
-- @tparam ?boolean is_patched
-- @tparam ?string reason why the place was left, or how it was patched
function Pass:tell(place, is_patched, reason)
    place.patched, place.reason = is_patched or false, reason
    if not is_patched and (place.kind == 'field' or place.kind == 'key') then
        self.told[place.object] = self.told[place.object] or {}
        self.told[place.object][place.key] = place.value
    end
    local name = is_patched and 'patched' or 'left'
    if #self[name] < PLACES then
        table.insert(self[name], place)
    end
    self[name .. '_count'] = self[name .. '_count'] + 1
end

--- Whether a place must not be patched yet, because a request that started on old
-- code is using it.
function Pass:is_in_use(place)
    local requests, moment = self.options.requests, self.walk.slices
    if place.is_late or requests:hold(place, moment) then
        return true
    elseif place.kind ~= 'field' then
        return false
    end
    return (rawequal(place.object, debug.getregistry()) or self.options.counterparts:find_table(place.object) ~= nil)
        and requests:are_running(moment)
end

--- If new code refers to old wrappers that are nested, leaves only the innermost
-- one. Otherwise, each reload would add a wrapper.
-- @tparam table place
-- @tparam ?function fewer the innermost old wrapper, which takes the place of the
--   outer ones, see `newcode.unwrap`
-- @treturn table the place, with its new value
function Pass:strip(place, fewer)
    if fewer == nil or self:is_in_use(place) or not patch_lib.patch(place, fewer) then
        return place
    end
    self.is_changed = true
    return new_place(self, place.number, place.kind, place.key, fewer, place.object)
end

--- Handles a place that refers to a stale function: patches it if possible, and
-- reports it.
-- @tparam table place
-- @tparam ?table missing set of keys that the counterpart of the table with the
--   place has, but the table itself does not. A new function that uses one of these
--   keys must not be put into the table.
function Pass:keep(place, missing)
    local counterparts = self.options.counterparts
    if self:is_told(place) or is_memory(place) then
        return
    elseif counterparts:name_of(place.value, place.source) == nil and self.copies:has(place.value, place.source) then
        return
    elseif not self.options.mend then
        self:tell(place)
        return
    end
    local holders = place.kind ~= 'key' and newcode.holders_of(place, self.walk, counterparts) or {}
    local successor, why
    if #holders > 0 then
        local is_known, fewer
        is_known, successor, fewer = newcode.unwrap(place, holders, self.options.believed, counterparts)
        if not is_known then
            self:tell(self:strip(place, fewer), false, TAKEN)
            return
        end
    else
        successor, why = counterparts:find(place.value, place.source)
        if successor == nil and counterparts:name_of(place.value, place.source) == nil then
            successor = self.registrations:twin_of(place, self.walk)
        end
        if successor == nil then
            self:tell(place, false, why)
            return
        end
    end
    self:put(place, successor, missing)
end

--- Patches a place, unless something prevents that, and reports it.
-- @tparam table place
-- @tparam ?function|table successor the new value
-- @tparam ?table missing see `keep`
function Pass:put(place, successor, missing)
    if place.kind ~= 'frame' and self:is_in_use(place) then
        self:tell(place, false, IN_USE)
        return
    elseif place.kind == 'key' then
        place.counterpart = self.renewed[place.object] or self.options.counterparts:find_table(place.object)
        place.is_iterated = place.counterpart ~= nil and self.walk:is_iterated(place.object)
        local is_there = rawget(place.object, successor) ~= nil
        local is_patched, why = patch_lib.patch(place, successor)
        self:tell(place, is_patched, is_there and is_patched and REMOVED or why)
        return
    elseif (type(successor) == 'function' or type(successor) == 'table')
        and self.duplicates:note(place, successor, self.walk) then
        return
    end
    local name = missing ~= nil and type(successor) == 'function' and bytecode.find_constant(successor, missing)
    if name then
        self:tell(place, false, SHARED:format(name))
    else
        self:tell(place, patch_lib.patch(place, successor))
    end
end

--- Replaces the stand-in in a place by the original function, see `stand_ins`. If
-- the original is a stale function, handles the place again.
function Pass:put_back(place)
    local original = stand_ins.original_of(place.value)
    while original ~= nil and generations.classify(self.options.believed, original) == 'ours' do
        original = stand_ins.original_of(original)
    end
    if original == nil or place.kind == 'key' or not patch_lib.patch(place, original) then
        return
    end
    self.is_changed = true
    if generations.classify(self.options.believed, original) == 'stale' then
        self:keep(new_place(self, place.number, place.kind, place.key, original, place.object))
    end
end

local function is_small(object)
    local count = 0
    for _ in next, object do
        count = count + 1
        if count > SMALL then
            return false
        end
    end
    return true
end

--- Adds the old tables and their counterparts to the objects that the walk
-- searches for. May yield.
function Pass:watch()
    local counterparts, tables = self.options.counterparts, {}
    for object, entry in pairs(table.copy(counterparts.tables)) do
        yield.if_due()
        tables[object] = entry
        local counterpart = not entry.is_module and self.options.mend and counterparts:find_table(object)
        if counterpart then
            tables[counterpart], self.watched[counterpart] = {is_watched = true}, true
        end
    end
    self.walk.tables = tables
end

--- Handles a reference to the counterpart of an old table, to find out whether the
-- counterpart belongs to the new module alone. If something other than new code
-- holds the reference, records the counterpart as shared: a library or Tarantool
-- may have created it, and use it for other purposes.
function Pass:note_holder(kind, key, value, object)
    if kind == 'metatable' or key == '__index' or self.shared[value] then
        return
    elseif kind == 'local' then
        object = key.func
    end
    local is_own
    if type(object) == 'function' then
        is_own = generations.classify(self.options.stash, object) == 'current'
    else
        is_own = self.watched[object] or self.options.counterparts:is_module_value(object)
    end
    self.shared[value] = not is_own or nil
end

--- Returns the keys under which the counterpart of a table has a function, but the
-- table itself has nothing.
-- @tparam table object the table
-- @tparam table counterpart
-- @tparam ?function test (f) -> whether to include the function; without it, all
--   functions are included
-- @treturn {string,...}
local function missing_keys(object, counterpart, test)
    local keys = {}
    for key, f in next, counterpart do
        -- Leave out other keys: in an array part, the order matters.
        if type(key) == 'string' and type(f) == 'function' and rawget(object, key) == nil
            and (test == nil or test(f)) then
            table.insert(keys, key)
        end
    end
    table.sort(keys)
    return keys
end

--- Patches all functions in an old table without a yield in between, so that a
-- library that calls them never finds a mixture of old and new ones. If the table
-- belongs to its module alone, also adds the functions that only the counterpart
-- has, because the new functions may call them.
-- @tparam table item {object, counterpart, number, is_own}: the old table, its
--   counterpart, its number in the walk, and whether it belongs to its module alone
function Pass:renew(item)
    local object, counterpart, number = item.object, item.counterpart, item.number
    local known, first = self.options.believed, nil
    local is_own = item.is_own and self.is_complete and not self.shared[counterpart]
    local missing = missing_keys(object, counterpart, not is_own and function(f)
        return generations.classify(known, f) == 'current'
    end or nil)
    local lacks
    for _, key in ipairs(is_own and {} or missing) do
        lacks = lacks or {}
        lacks[key] = true
    end
    for key, f in next, object do
        if type(f) == 'function' and generations.classify(known, f) == 'stale' then
            first = new_place(self, number, 'field', key, f, object)
            -- `new_place` has set `is_late`, because the walk has ended. That is
            -- wrong for this place: `renewal_of` has excluded tables that only
            -- requests can reach.
            first.is_late = false
            self:keep(first, lacks)
        end
    end
    for _, key in ipairs(first ~= nil and is_own and missing or {}) do
        local f = rawget(counterpart, key)
        local info = debug.getinfo(f, 'S')
        rawset(object, key, f)
        self:tell({
            name = self.options.counterparts:name_beside(first.value, first.source, key),
            number = number,
            kind = 'field',
            key = key,
            value = f,
            source = info.source,
            line = info.linedefined,
            generation = self.options.stash.generation,
        }, true, 'added with the new code')
    end
end

--- Checks whether all functions in the table that contains a place can be patched
-- together, see `renew`.
-- @treturn ?table counterpart of the table; nil if the functions cannot be patched
--   together
-- @treturn ?boolean whether the table belongs to its module alone
function Pass:renewal_of(place)
    local own, _, _, other = self.options.counterparts:find_table(place.object)
    local counterpart = own or other
    if counterpart ~= nil and not self:is_in_use(place) and is_small(place.object) and is_small(counterpart)
    and not self.walk:is_iterated(place.object)
    and #newcode.holders_of(place, self.walk, self.options.counterparts) == 0 then
        return counterpart, own ~= nil
    end
    return nil
end

--- Whether a table is the same as another table, or inherits from it.
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

--- Whether objects of an old class may get the new class as their metatable. They
-- may not if the new class belongs to a library that also uses it as the
-- metatable of other objects.
-- @tparam table class the old class
-- @tparam table counterpart the new class
-- @treturn ?boolean nil if only the next pass can tell
function Pass:may_replace(class, counterpart)
    if rawequal(rawget(class, '__index'), class) and rawequal(rawget(counterpart, '__index'), counterpart) then
        return true
    elseif self.options.shared == nil then
        return nil
    end
    return not self.options.shared[counterpart]
end

--- Handles a reference to an old class as a metatable, or as the `__index` of a
-- metatable: gives the object the new class if possible. As there may be a million
-- such objects, only the first one is reported, together with the number of the
-- others.
-- @treturn boolean true if the walk need not enter the old class
function Pass:on_class(number, kind, key, value, object)
    local class = self.classes[value]
    if class == nil then
        local counterpart = self.options.mend and self.options.counterparts:find_table(value)
        local may_replace = counterpart and self:may_replace(value, counterpart)
        if counterpart and may_replace == nil then
            self.pending[value] = new_place(self, number, kind, key, value, object)
        end
        class = {new = may_replace and counterpart or false}
        self.classes[value] = class
    end
    if not class.new or inherits(class.new, object) then
        return false
    end
    local place = class.first or new_place(self, number, kind, key, value, object)
    local probe = {kind = kind, key = key, object = object, is_late = self.walk.is_late}
    if self:is_in_use(probe) then
        if not class.is_left then
            class.is_left = true
            self:tell(new_place(self, number, kind, key, value, object), false, IN_USE)
        end
        return false
    end
    patch_lib.patch(probe, class.new)
    if class.first == nil then
        class.first, place.more = place, 0
        self:tell(place, true)
    else
        place.more = place.more + 1
    end
    return true
end

--- Handles a reference to the old value of a module: patches it if possible, and
-- reports it.
-- @treturn boolean true if the walk need not enter the old value
function Pass:on_module(number, kind, key, value, object)
    local counterparts = self.options.counterparts
    local place = new_place(self, number, kind, key, value, object)
    local counterpart, why, is_shared = counterparts:find_table(value)
    if is_shared then
        return false
    elseif self:is_told(place) then
        return true
    elseif not self.options.mend then
        self:tell(place)
        return true
    elseif counterpart == nil then
        self:tell(place, false, why)
    elseif kind == 'key' then
        table.insert(self.keys, place)
    else
        local holder = newcode.holders_of(place, self.walk, counterparts)[1]
        if holder ~= nil and counterparts:is_of_module(holder, place.name) then
            -- The new version of the module itself refers to its old value. It
            -- probably does so on purpose, to take over state.
            self:tell(place, false, TAKEN)
        else
            self:put(place, counterpart)
        end
    end
    return true
end

--- Handles a place that the walk has found. The parameters are those of the option
-- `on_place` of `heap_walk.new`.
-- @treturn ?boolean the result of `on_place`
function Pass:on_place(number, kind, key, value, object)
    if type(value) == 'table' and self.watched[value] then
        self:note_holder(kind, key, value, object)
        return
    elseif type(value) == 'table' then
        local judge = (kind == 'metatable' or key == '__index') and self.on_class or self.on_module
        return judge(self, number, kind, key, value, object)
    elseif kind == 'root' then
        self.triggers[value] = true
    elseif object == debug.getregistry() and self.triggers[value] then
        -- This trigger was already found as a root, under its name.
        return
    elseif kind == 'frame' then
        if self.fibers[object] then
            table.insert(self.threads, object)
        end
    elseif kind == 'field' and (self.renewed[object] or self.pending[object]) then
        return
    end
    local place = new_place(self, number, kind, key, value, object)
    if place.source == nil then
        self:put_back(place)
    elseif kind == 'key' then
        -- Patch the key after the walk, because the table is being walked now.
        table.insert(self.keys, place)
    else
        local counterpart, is_own
        if kind == 'field' and self.options.mend then
            counterpart, is_own = self:renewal_of(place)
        end
        if counterpart ~= nil then
            -- Patch the table after the walk, when it is known whether other code
            -- also refers to the counterpart.
            self.renewed[object] = counterpart
            table.insert(self.renewals,
                {object = object, counterpart = counterpart, number = number, is_own = is_own})
        else
            self:keep(place)
        end
    end
end

--- Describes a place for the report.
local function describe(self, place)
    -- The description may call metamethods of the application, which may fail.
    local ok, kind, where = pcall(words.tell, self.walk, self.roots, place)
    if not ok then
        kind, where = 'table', 'an unnamed place'
    end
    if (place.more or 0) > 0 then
        where = ('%s and of %d more'):format(where, place.more)
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

--- Replaces the places in a list by their descriptions. May yield.
function Pass:describe(list)
    for i, place in ipairs(list) do
        -- In a cancelled fiber, `if_due` throws. Continue nevertheless.
        pcall(yield.if_due)
        list[i] = describe(self, place)
    end
end

--- Handles a place that is a table key. Called after the walk.
function Pass:keep_key(place)
    if type(place.value) == 'function' then
        self:keep(place)
    elseif not self:is_told(place) then
        self:put(place, (self.options.counterparts:find_table(place.value)))
    end
end

--- Reports an old registration that new code has made again.
-- @tparam table item the old registration, see `duplicates`
-- @tparam ?boolean is_done whether the old registration was removed; nil if it no
--   longer existed
function Pass:finish_duplicate(item, is_done)
    local place = item.place
    if is_done == false then
        self:tell(place, false, 'a loop is iterating over a list that also holds the new registration')
    elseif is_done then
        if rawequal(item.entry, place.object) then
            -- Other code may also refer to the removed entry: patch its function.
            patch_lib.patch(place, item.new)
        end
        self:tell(place, true, REMOVED)
    end
end

--- Runs the pass. Yields.
function Pass:run()
    -- Let new fibers start: before that, they have no stack to walk.
    fiber.sleep(0)
    local threads = {}
    self.roots, self.hidden = roots_lib.collect()
    for _, root in ipairs(self.roots) do
        if root.kind == 'fiber' then
            self.fibers[root.value] = true
            table.insert(threads, root.value)
        end
    end
    if self.options.mend or self.options.drain then
        self.options.requests:collect(threads)
    end
    -- Catch errors: what was patched must be reported in any case.
    local ok, err = pcall(function()
        self:watch()
        self.is_complete = self.walk:run(self.roots)
        for _, item in ipairs(self.renewals) do
            -- Patch these tables even after the deadline or a cancellation: their
            -- places were put off, and are not reported yet.
            pcall(yield.if_due)
            self:renew(item)
        end
        for _, place in pairs(not self.is_complete and self.pending or {}) do
            self:tell(place, false, UNKNOWN)
        end
        for _, place in ipairs(self.keys) do
            if not self.walk:go_on() then
                self.is_complete = false
                break
            end
            self:keep_key(place)
        end
        -- Remove old registrations only after the old roles have stopped, because
        -- their `stop` may remove these registrations itself. If the roles have not
        -- stopped yet, leave this to the next pass.
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
    if self.patched_count > 0 or self.is_changed then
        -- Compiled traces contain the old functions as constants: discard the traces.
        jit.flush()
    end
    self:describe(self.patched)
    self:describe(self.left)
    local texts = self.texts
    self.texts = {}
    for _, place in ipairs(texts) do
        local told, kind, where = pcall(words.tell, self.walk, self.roots, place)
        -- Functions in the Lua registry belong to Tarantool: leave them out.
        if told and kind ~= 'registry' then
            table.insert(self.texts, where)
        end
    end
end

return {new = new}
