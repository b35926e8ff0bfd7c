--- Walks all objects that are reachable from a list of roots, in breadth-first
-- order. The walk is divided into short time slices, so that the server keeps
-- working.
--
-- The walk searches for stale functions: functions of earlier generations. It does
-- not follow the references that these functions hold, because objects to which only
-- old code refers do not matter. A place is a slot that refers to a stale function.
-- Slots that refer to tables of old modules, or to stand-ins (see `stand_ins`), are
-- places, too. The walk passes each place to the function `on_place`, which may change
-- the place at once: no other code has run since the walk read the place.
--
-- A stack with a stale function belongs to a request that started on old code. With
-- the option `puts_off`, the walk visits these stacks last. Objects first reached from
-- these stacks are reachable in no other way. The walk's field `is_late` is true while
-- it visits these stacks and objects.
--
-- Objects are numbered in the order in which they are reached. For each object, the
-- walk records the number of the previous object on the path, and the key of the
-- reference. The records are stored in many short lists. A long list would block
-- the server whenever it grows, and whenever the garbage collector traverses it.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local iterated_tables = require('scan.iterated_tables')
local stacks = require('platform.stacks')
local visited = require('scan.visited')
local yield = require('core.yield')

local LIST = 512
-- Number of objects, or of table entries, to walk between two checks of the clock.
local OBJECTS, ENTRIES = 16, 128
-- Maximum number of attempts to walk a table that keeps changing.
local RESTARTS = 3
-- Normal length of a time slice, in seconds. It is short, because requests have
-- priority over the walk.
local BUDGET = 0.00025
-- Code that keeps creating objects could stay ahead of the walk forever. So the
-- time slices become longer once the heap exceeds GROWTH times its size at the start of
-- the walk by more than MARGIN kilobytes. Smaller growth is normal: the heap may double
-- between two garbage collections, and it contains the walk's own lists.
local GROWTH, MARGIN = 3, 16 * 1024
-- Once this share of the time from the start of the walk to the deadline has passed,
-- the time slices become longer, so that the walk can finish in time.
local PATIENCE = 0.5

local getfenv, getinfo, getlocal = debug.getfenv, debug.getinfo, debug.getlocal
local getmetatable, getupvalue = debug.getmetatable, debug.getupvalue
local floor, next, pcall, type = math.floor, next, pcall, type
local new_table = table.new
local LEVELS, note_loops = stacks.LEVELS, iterated_tables.note_loops

-- Markers recorded in place of a key, for references that have no key: to a metatable,
-- an environment, a table key, or a function in a stack frame.
local METATABLE, ENVIRONMENT, KEY, FRAME = {}, {}, {}, {}

local Walk = {}
Walk.__index = Walk

--- Creates a walk.
-- @tparam table options
--   classify: function (f) -> a word, see `generations.classify`
--   on_place: function (number, kind, key, value, object), called for each place:
--     `object` (its number is `number`) refers to `value`. `kind` is root, field, key,
--     upvalue, metatable, environment, frame or local. `on_place` may replace the
--     value, but must not add keys to `object`. For a table, `on_place` returns true if
--     the walk must not enter the table.
--   tables (optional): table -> {is_module, is_watched}. Slots that refer to these
--     tables are places, too. If a table has neither flag, only slots that use it as a
--     metatable or as an `__index` are places.
--   userdata (optional): set of userdata. Slots that refer to them are places, too.
--   stands_in (optional): function (f) -> whether `f` is a stand-in
--   puts_off (optional): whether to walk stacks with stale functions last
--   on_loadstring_function (optional): function (number), called for functions
--     compiled from strings
--   on_object (optional): function (object, type), called for each object; returns
--     whether to follow the references that the object holds
--   deadline: in seconds, on the monotonic clock
--   limit: size of the Lua heap at which to stop, in kilobytes
--   without: list of objects that the walk does not enter
--   lists (optional): the field `lists` of an earlier, finished walk, whose memory is
--     reused
local function new(options)
    return setmetatable({
        classify = options.classify,
        on_place = options.on_place,
        tables = options.tables or {},
        userdata = options.userdata or {},
        stands_in = options.stands_in,
        put_off = options.puts_off and {} or nil,   -- stacks to be walked last
        is_late = false,
        on_loadstring_function = options.on_loadstring_function,
        on_object = options.on_object,
        deadline = options.deadline,
        limit = options.limit,
        without = options.without,
        is_known = visited.new(),
        sought = {},        -- set of the stale functions and stand-ins found
        left = ENTRIES,     -- table entries until the clock is read again
        count = 0,          -- number of objects in the lists
        lists = options.lists or {
            objects = {},
            parents = {},   -- number of the previous object, or negated index of the root
            keys = {},      -- key of the reference in the previous object
        },
        functions = 0,
        slices = 1,
        longest = 0,        -- duration of the longest slice, in seconds
        is_hurried = false, -- whether slices are long, with short pauses in between
        unsteady = 0,       -- number of tables that kept changing
        deep = 0,           -- number of stacks that were too deep to examine completely
        asleep = 0,         -- number of coroutines without a stack: they have not started
        ours = {},          -- set of this program's functions, kept alive
        iterated = iterated_tables.new(),
    }, Walk)
end

--- Returns the record of an object.
-- @tparam number number number of the object
-- @return the object
-- @treturn number number of the previous object on the path, or the negated index
--   of the root
-- @return key under which the previous object refers to this object
function Walk:at(number)
    local list, index = floor((number - 1) / LIST) + 1, (number - 1) % LIST + 1
    local lists = self.lists
    return lists.objects[list][index], lists.parents[list][index], lists.keys[list][index]
end

--- Yields if the current time slice is used up. After a yield, raises an error if the
-- fiber has been cancelled.
-- @treturn boolean false if the walk must stop, because it has run out of time or
--   memory; the field `stopped` tells which
function Walk:go_on()
    local budget = not self.is_hurried and BUDGET or nil
    if not yield.is_due(budget) then
        return true
    end
    local now, heap = clock.monotonic(), collectgarbage('count')
    self.longest = math.max(self.longest, now - self.started)
    if now > self.deadline then
        self.stopped = 'time'
        return false
    elseif heap > self.limit then
        self.stopped = 'memory'
        return false
    end
    self.is_hurried = self.is_hurried or heap > self.large or now > self.late
    self.slices = self.slices + 1
    yield.if_due(budget, self.is_hurried and 0 or nil)
    fiber.testcancel()
    self.started = clock.monotonic()
    return true
end

local function append(self, object, parent, key)
    local index = self.count % LIST + 1
    self.count = self.count + 1
    if index == 1 then
        local lists, list = self.lists, (self.count - 1) / LIST + 1
        if lists.objects[list] == nil then
            lists.objects[list] = new_table(LIST, 0)
            lists.parents[list] = new_table(LIST, 0)
            lists.keys[list] = new_table(LIST, 0)
        end
        self.last_objects, self.last_parents = lists.objects[list], lists.parents[list]
        self.last_keys = lists.keys[list]
    end
    self.last_objects[index], self.last_parents[index], self.last_keys[index] = object, parent, key
end

--- Returns whether the walk searches for a function. If it does not, queues the
-- function to be walked, unless it was queued before or belongs to this program.
-- @tparam function f
-- @tparam number parent number of the object that refers to `f`
-- @param key key of the reference
local function is_sought(self, f, parent, key)
    if self.sought[f] then
        return true
    elseif self.is_known(f) then
        return false
    end
    local class = self.classify(f)
    if class == 'stale' then
        self.sought[f] = true
        return true
    end
    self.functions = self.functions + 1
    -- Do not walk functions of this program: they exist only while the command
    -- runs.
    if class ~= 'ours' then
        append(self, f, parent, key)
    elseif key ~= FRAME and self.stands_in ~= nil and self.stands_in(f) then
        self.sought[f] = true
        return true
    else
        -- Keep the function alive. Otherwise another object could get its address,
        -- and would count as visited.
        self.ours[f] = true
    end
    -- While a console evaluates a string, the function compiled from the string is on
    -- the console's stack. Do not report this function.
    if class == 'text' and key ~= FRAME and self.on_loadstring_function ~= nil then
        self.on_loadstring_function(self.count)
    end
    return false
end

--- Handles a reference to one of the tables in the option `tables`. The parameters
-- are those of `reach`.
local function reach_sought_table(self, value, parent, key, kind, place, object)
    local entry = self.tables[value]
    local is_place = entry.is_module or entry.is_watched or kind == 'metatable' or key == '__index'
    if (not is_place or not self.on_place(parent, kind, place, value, object)) and not self.is_known(value) then
        append(self, value, parent, key)
    end
end

--- Handles a reference. If the walk searches for the value, passes the reference to
-- `on_place`. Otherwise adds the value to the objects that are still to be walked.
-- @param value the value to which the reference refers
-- @tparam number parent number of the object with the reference
-- @param key key to be recorded as part of the path
-- @tparam ?string kind argument `kind` of `on_place`. If it is nil, tables and
--   userdata are not passed to `on_place`.
-- @param place what `on_place` receives as its argument `key` (not the parameter `key`
--   above)
-- @param object the object with the reference
local function reach(self, value, parent, key, kind, place, object)
    local value_type = type(value)
    if value_type == 'function' then
        if is_sought(self, value, parent, key) then
            self.on_place(parent, kind, place, value, object)
        end
    elseif value_type == 'table' and kind ~= nil and self.tables[value] ~= nil then
        reach_sought_table(self, value, parent, key, kind, place, object)
    elseif value_type == 'userdata' and kind ~= nil and self.userdata[value] then
        self.on_place(parent, kind, place, value, object)
    elseif value_type == 'table' or value_type == 'thread' or value_type == 'userdata' then
        if not self.is_known(value) then
            append(self, value, parent, key)
        end
    end
end

local function reach_metatable(self, object, number)
    local metatable = getmetatable(object)
    if metatable ~= nil then
        reach(self, metatable, number, METATABLE, 'metatable', METATABLE, object)
    end
end

local function reach_environment(self, object, number)
    local environment = getfenv(object)
    if environment ~= nil and environment ~= _G then
        reach(self, environment, number, ENVIRONMENT, 'environment', ENVIRONMENT, object)
    end
end

--- Walks the entries of a table. Yields. If the table changes during a yield, `next`
-- may raise an error.
-- @treturn boolean true if all entries were walked; false if the walk must stop
local function reach_entries(self, object, number)
    -- Do not restart the count of entries for each table: many small tables take as
    -- long as a large one.
    local is_known, tables, left = self.is_known, self.tables, self.left
    local key, value = next(object)
    while key ~= nil do
        -- Handle the common cases of `reach` inline, for speed.
        local value_type, key_type = type(value), type(key)
        if value_type == 'table' then
            if tables[value] ~= nil then
                reach_sought_table(self, value, number, key, 'field', key, object)
                left = 1
            elseif not is_known(value) then
                append(self, value, number, key)
            end
        elseif value_type == 'function' then
            if is_sought(self, value, number, key) then
                self.on_place(number, 'field', key, value, object)
                -- Check the clock after this entry, because `on_place` may have
                -- taken a long time.
                left = 1
            end
        elseif value_type == 'userdata' then
            reach(self, value, number, key, 'field', key, object)
        elseif value_type == 'thread' then
            reach(self, value, number, key)
        end
        if key_type == 'table' or key_type == 'function' or key_type == 'thread' or key_type == 'userdata' then
            reach(self, key, number, KEY, 'key', key, object)
        end
        left = left - 1
        if left == 0 then
            left = ENTRIES
            if not self:go_on() then
                return false
            end
        end
        key, value = next(object, key)
    end
    self.left = left
    return true
end

local function reach_table(self, object, number)
    reach_metatable(self, object, number)
    for _ = 1, RESTARTS do
        -- A finalizer may run at any time and change the table. So `next` may fail
        -- even without a yield.
        local ok, result = pcall(reach_entries, self, object, number)
        if not ok and not tostring(result):find("invalid key to 'next'", 1, true) then
            error(result, 0)
        elseif ok then
            return result
        end
    end
    self.unsteady = self.unsteady + 1
    return true
end

local function reach_function(self, object, number)
    for index = 1, 255 do
        local name, value = getupvalue(object, index)
        if name == nil then
            break
        end
        reach(self, value, number, index, 'upvalue', index, object)
    end
    reach_environment(self, object, number)
end

--- Whether a loop may be iterating over a table, see `iterated_tables`. Does not yield.
function Walk:is_iterated(object)
    return self.iterated:has(object, self.slices)
end

--- Walks the local variables and the variadic arguments of a stack frame. Variadic
-- arguments have negative indexes. A temporary, which has no name, is ignored if it
-- contains a function or one of the tables in the option `tables`.
-- @tparam thread object the coroutine
-- @tparam number number number of the coroutine in the walk
-- @tparam number level level of the frame
-- @tparam table info information about the frame, see debug.getinfo
local function reach_locals(self, object, number, level, info)
    local is_xpcall = info.func == xpcall
    if is_xpcall then
        -- `xpcall` is a C function, so it has no line numbers. Use the line number
        -- of its caller.
        info = getinfo(object, level + 1, 'fSl') or info
    end
    for _, step in ipairs({1, -1}) do
        local index = step
        while true do
            local name, value = getlocal(object, level, index)
            if name == nil then
                break
            elseif is_xpcall and index == 1 then
                name = '(error handler)'
            end
            if name ~= '(*temporary)' or type(value) ~= 'function' and self.tables[value] == nil then
                reach(self, value, number, name, 'local', {
                    level = level,
                    index = index,
                    name = name,
                    func = info.func,
                    source = info.source,
                    line = info.currentline,
                }, object)
            end
            index = index + step
        end
    end
end

--- Whether a coroutine has a stale function on its stack. The running coroutine and
-- ended coroutines do not count.
-- @tparam thread thread
-- @tparam function classify see the options of `new`
local function runs_stale(thread, classify)
    if thread == coroutine.running() or coroutine.status(thread) == 'dead' then
        return false
    end
    for level = 0, LEVELS do
        local info = getinfo(thread, level, 'f')
        if info == nil then
            return false
        elseif classify(info.func) == 'stale' then
            return true
        end
    end
    return false
end

--- Walks the stack of a coroutine. Of the stale functions on the stack, passes only
-- the outermost to `on_place`: the others were called, directly or indirectly, by that
-- one.
local function reach_thread(self, object, number)
    -- Skip the running coroutine, because it runs this walk. Also skip coroutines
    -- that ended with an error: their frames exist, but never run again.
    if object == coroutine.running() or coroutine.status(object) == 'dead' then
        return
    elseif self.put_off ~= nil and not self.is_late and runs_stale(object, self.classify) then
        table.insert(self.put_off, {object = object, number = number})
        return
    end
    local outermost
    if getinfo(object, 0, 'f') == nil then
        self.asleep = self.asleep + 1
    end
    for level = 0, LEVELS do
        local info = getinfo(object, level, 'fSl')
        if info == nil then
            break
        elseif level == LEVELS then
            self.deep = self.deep + 1
            break
        end
        note_loops(self.iterated.walked, object, level)
        if is_sought(self, info.func, number, FRAME) then
            outermost = {level = level, func = info.func, line = info.currentline}
        elseif self.classify(info.func) ~= 'ours' then
            reach_locals(self, object, number, level, info)
        end
    end
    if outermost ~= nil then
        self.on_place(number, 'frame', outermost, outermost.func, object)
    end
    reach_environment(self, object, number)
end

--- Runs the walk. Yields.
-- @tparam {table,...} roots tables with a `value`, see `roots`
-- @treturn boolean false if the walk has stopped early; the field `stopped` is then
--   `time` or `memory`
function Walk:run(roots)
    yield.reset()
    self.started = clock.monotonic()
    local heap = collectgarbage('count')
    -- Heap size above which the time slices become longer. It is at most halfway
    -- between the heap size at the start of the walk and the limit.
    self.large = math.min(heap * GROWTH + MARGIN, (heap + self.limit) / 2)
    self.late = self.started + (self.deadline - self.started) * PATIENCE
    for _, object in ipairs(self.without) do
        self.is_known(object)
    end
    for index, root in ipairs(roots) do
        reach(self, root.value, -index, nil, 'root', root, nil)
    end
    local first = self:run_from(1)
    if first ~= nil and self.put_off ~= nil then
        self.is_late = true
        for _, item in ipairs(self.put_off) do
            reach_thread(self, item.object, item.number)
            if not self:go_on() then
                return false
            end
        end
        first = self:run_from(first)
    end
    if first == nil then
        return false
    end
    self.longest = math.max(self.longest, clock.monotonic() - self.started)
    return true
end

--- Walks the recorded objects from a given number onwards, including those that are
-- recorded during this call. Yields.
-- @treturn ?number the number that the next new object will get; nil if the walk
--   has stopped early
function Walk:run_from(number)
    local left = OBJECTS
    while number <= self.count do
        local object = self:at(number)
        local object_type = type(object)
        local ok = true
        if self.on_object ~= nil and not self.on_object(object, object_type) then
            -- Do not follow the references that this object holds.
            object_type = nil
        end
        if object_type == 'table' then
            ok = reach_table(self, object, number)
        elseif object_type == 'function' then
            reach_function(self, object, number)
        elseif object_type == 'thread' then
            reach_thread(self, object, number)
        elseif object_type ~= nil then
            reach_metatable(self, object, number)
            reach_environment(self, object, number)
        end
        number, left = number + 1, left - 1
        if left == 0 and ok then
            left = OBJECTS
            ok = self:go_on()
        end
        if not ok then
            return nil
        end
    end
    return number
end

-- Disable the JIT compiler for this file. It does not support most of the
-- operations in these loops. Its repeated attempts to compile them cost more than
-- they gain.
jit.off(true, true)

return {
    ENVIRONMENT = ENVIRONMENT,
    FRAME = FRAME,
    KEY = KEY,
    METATABLE = METATABLE,
    new = new,
    runs_stale = runs_stale,
}
