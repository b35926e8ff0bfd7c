--- Walks everything that Lua can reach from some roots, breadth first and in
-- slices, while the server keeps working.
--
-- The walk searches for stale functions. It does not enter them, because what
-- only old code holds affects nothing. Each place that refers to one is passed
-- to `on_place`, which may change it at once, as no other code has run since it
-- was read. References to the tables of old modules, and to functions of this
-- program that replaced others, are passed as well.
--
-- A stack with a stale function is a request that started on the old code. With
-- `puts_off`, such stacks are walked last: whatever is first reached from there
-- is reachable only by these requests, which `is_late` tells.
--
-- The path to each object is kept: the number of the object through which it
-- was reached, and the key there. They are stored in many short lists, because
-- a long list would block the server whenever it grows, and whenever the
-- garbage collector traverses it.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local slice = require('core.yield')
local visited = require('scan.visited')

local LIST = 512
-- The clock is read after this many objects or table entries.
local OBJECTS, ENTRIES = 16, 128
-- How often the walk of a table is restarted if the table keeps changing.
local RESTARTS = 3
-- Seconds per slice while there is no hurry: nobody waits for the walk.
local BUDGET = 0.00025
-- Code that creates objects all the time could stay ahead of the walk forever.
-- So the walk hurries when the heap has grown by this factor plus this many
-- kilobytes: it doubles between two collections anyway, and the lists of the
-- walk add to it.
local GROWTH, MARGIN = 3, 16 * 1024
-- The walk also hurries after this share of its time.
local PATIENCE = 0.5
-- How many frames of a stack are examined: the cost of each grows with its
-- depth.
local LEVELS = 200
-- How many fibers are examined for loops at once.
local THREADS = 1000

local getfenv, getinfo, getlocal = debug.getfenv, debug.getinfo, debug.getlocal
local getmetatable, getupvalue = debug.getmetatable, debug.getupvalue
local floor, next, pcall, type = math.floor, next, pcall, type
local new_table = table.new

-- Markers for places of an object that are not table keys.
local METATABLE, ENVIRONMENT, KEY, FRAME = {}, {}, {}, {}

local Walk = {}
Walk.__index = Walk

--- Creates a walk.
-- @tparam table options
--   classify: function (f) -> a word, see `generations.classify`
--   on_place: function (number, kind, key, f, object), called for each place
--     with the number of the object that refers to f; kind is one of
--     root, field, key, upvalue, metatable, environment, frame and local. Returns whether
--     the object has changed so that it must be walked again; for a table, whether
--     to skip its contents
--   tables: optional: table -> {is_module, is_watched}: tables of which each
--     reference is a place; with neither flag, only a reference as a metatable or
--     `__index`
--   userdata: optional: set of userdata of which each reference is a place
--   stands_in: optional: function (f) -> whether it is a function of this program
--     that replaces another one
--   puts_off: optional: see above
--   on_text: function (number), called for functions that were made from text
--   on_object: optional: function (object, type), called for each object before
--     what it refers to is looked at; returns whether to do that
--   deadline: on the monotonic clock
--   limit: the most memory that Lua may have in use, in kilobytes
--   without: list of objects that are not to be entered
--   lists: of an earlier walk that is over, to be filled again
local function new(options)
    return setmetatable({
        classify = options.classify,
        on_place = options.on_place,
        tables = options.tables or {},
        userdata = options.userdata or {},
        stands_in = options.stands_in,
        put_off = options.puts_off and {} or nil,   -- stacks
        is_late = false,
        on_text = options.on_text,
        on_object = options.on_object,
        deadline = options.deadline,
        limit = options.limit,
        without = options.without,
        is_known = visited.new(),
        sought = {},        -- the functions that are looked for
        left = ENTRIES,     -- table entries until the clock is read again
        count = 0,          -- of objects; each has a number and is in the lists
        lists = options.lists or {
            objects = {},
            parents = {},   -- number of the one before, negative: of a root
            keys = {},      -- place in that one
        },
        functions = 0,
        slices = 1,
        longest = 0,        -- seconds, of a slice
        is_hurried = false, -- slices are long, and others get one turn between
        unsteady = 0,       -- tables that could not be seen whole
        deep = 0,           -- stacks of which only the top was seen
        asleep = 0,         -- coroutines that have not begun, and have no stack
        ours = {},          -- functions of this program
        iterated = {},      -- tables that a loop of a coroutine is running over
    }, Walk)
end

--- Returns an object that was reached.
-- @tparam number number
-- @return object
-- @treturn number of the object through which, or minus the number of the root
-- @return at which place of it
function Walk:at(number)
    local list, index = floor((number - 1) / LIST) + 1, (number - 1) % LIST + 1
    local lists = self.lists
    return lists.objects[list][index], lists.parents[list][index], lists.keys[list][index]
end

--- Yields if the current slice has lasted long enough.
-- @treturn boolean whether to go on
function Walk:go_on()
    local budget = not self.is_hurried and BUDGET or nil
    if not slice.is_over(budget) then
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
    slice.pause(budget, self.is_hurried and 0 or nil)
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

--- Whether a function is a search target; other functions are entered.
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
    -- Functions of this program itself will be gone soon.
    if class ~= 'ours' then
        append(self, f, parent, key)
    elseif key ~= FRAME and self.stands_in ~= nil and self.stands_in(f) then
        self.sought[f] = true
        return true
    else
        -- Keep the function alive, so that its address is not reused.
        self.ours[f] = true
    end
    -- A line being run by a console disappears when it ends.
    if class == 'text' and key ~= FRAME and self.on_text ~= nil then
        self.on_text(self.count)
    end
    return false
end

--- Handles a table of an old module, reached at a place that may have to be
-- patched.
local function reach_sought_table(self, value, parent, key, kind, place, object)
    local entry = self.tables[value]
    local is_place = entry.is_module or entry.is_watched or kind == 'metatable' or key == '__index'
    if (not is_place or not self.on_place(parent, kind, place, value, object)) and not self.is_known(value) then
        append(self, value, parent, key)
    end
end

--- Handles a value that was reached.
-- @param value
-- @tparam number parent
-- @param key for the way
-- @tparam string kind of the place, if it is one
-- @param place where exactly, for `on_place`
-- @param object that refers to it
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

--- Walks the entries of a table, which other code may change between two slices.
-- @treturn ?boolean false if the walk is over, nil if the table has changed so
--   that it is to be walked again
local function reach_entries(self, object, number)
    -- Many small tables take as long as a large one, so all share one count.
    local is_known, tables, left = self.is_known, self.tables, self.left
    local key, value = next(object)
    while key ~= nil do
        -- Common cases are handled inline; the rest is left to `reach`.
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
                if self.on_place(number, 'field', key, value, object) then
                    self.left = 1
                    return nil
                end
                -- Judging a place takes longer than passing one: check the
                -- clock next.
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
        -- Finalizers may run at any time and change any table.
        local ok, result = pcall(reach_entries, self, object, number)
        if not ok and not tostring(result):find("invalid key to 'next'", 1, true) then
            error(result, 0)
        elseif ok and result ~= nil then
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

--- Records which tables a loop in a frame is running over.
local function note_loops(tables, thread, level)
    local index = 1
    while true do
        local name, value = getlocal(thread, level, index)
        if name == nil then
            return
        elseif name == '(for state)' and type(value) == 'table' then
            tables[value] = true
        end
        index = index + 1
    end
end

--- Whether a loop is running over a table right now and must not find other keys
-- there. Does not yield.
-- @treturn boolean true also if that cannot be said
function Walk:is_iterated(object)
    if self.loops == nil or self.loops_slice ~= self.slices then
        self.loops, self.loops_slice = {}, self.slices
        local count = 0
        for key, thread in next, debug.getregistry() do
            if type(key) == 'number' and type(thread) == 'thread' and thread ~= coroutine.running() then
                count = count + 1
                for level = 0, count <= THREADS and LEVELS or -1 do
                    if getinfo(thread, level, 'f') == nil then
                        break
                    end
                    note_loops(self.loops, thread, level)
                end
            end
        end
        self.has_too_many = count > THREADS
    end
    return self.has_too_many or self.loops[object] or self.iterated[object] or false
end

--- Walks the local variables of a frame and its variadic arguments, which have
-- negative indexes. Unnamed ones are temporaries.
local function reach_locals(self, object, number, level, info)
    local is_xpcall = info.func == xpcall
    if is_xpcall then
        -- A C function has no line number: use that of its caller.
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

--- Whether a stack has a stale function on it.
-- @tparam thread thread
-- @tparam function classify
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

--- Walks the stack of a coroutine. Of stale code, only the outermost frame is a
-- place: the others are functions that it has called.
local function reach_thread(self, object, number)
    -- Skip the running coroutine, whose stack holds this walk. One that ended
    -- with an error still has frames, but never runs again.
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
        note_loops(self.iterated, object, level)
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

--- Runs the walk.
-- @tparam {table,...} roots each with a `value`
-- @treturn boolean false if it was stopped, see `stopped`
function Walk:run(roots)
    slice.restart()
    self.started = clock.monotonic()
    local heap = collectgarbage('count')
    -- Leave half of the free memory to the walk in a hurry.
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

--- Walks the objects from a number on, and everything reached from them.
-- @treturn ?number of the next one, nil if the walk was stopped
function Walk:run_from(number)
    local left = OBJECTS
    while number <= self.count do
        local object = self:at(number)
        local object_type = type(object)
        local ok = true
        if self.on_object ~= nil and not self.on_object(object, object_type) then
            -- Only the object itself matters.
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

-- Not compiled: the loops consist of operations that the JIT compiler does not
-- support, and its repeated attempts cost more than they gain.
jit.off(true, true)

return {
    ENVIRONMENT = ENVIRONMENT,
    FRAME = FRAME,
    KEY = KEY,
    LEVELS = LEVELS,
    METATABLE = METATABLE,
    new = new,
    runs_stale = runs_stale,
}
