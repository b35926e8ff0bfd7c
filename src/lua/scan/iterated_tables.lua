--- Finds the tables that loops are iterating over. Such a table must not get a new
-- key: the behaviour of `next` would then be undefined.

local require = ...
local stacks = require('platform.stacks')

local getinfo, getlocal = debug.getinfo, debug.getlocal
local next, type = next, type

local LEVELS = stacks.LEVELS
-- Maximum number of fibers to search for loops. There is a limit because the search
-- does not yield.
local THREADS = 1000

local IteratedTables = {}
IteratedTables.__index = IteratedTables

--- Creates an object that finds, during one walk over the heap, the tables that loops
-- are iterating over.
-- @treturn table the object. When the walk examines the stack of a coroutine, it calls
--   `note_loops` to add the tables that loops there are iterating over to the object's
--   set `walked`.
local function new()
    return setmetatable({walked = {}}, IteratedTables)
end

--- Finds the tables that loops in a stack frame are iterating over.
-- @tparam table tables set to which the tables are added
-- @tparam thread thread the coroutine with the stack
-- @tparam number level level of the frame
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

--- Whether a loop may be iterating over a table. Does not yield.
-- @tparam table object
-- @tparam number moment number of the current time slice. In each time slice, the
--   fibers are searched only once.
-- @treturn boolean also true if there are too many fibers to search
function IteratedTables:has(object, moment)
    if self.loops == nil or self.moment ~= moment then
        self.loops, self.moment = {}, moment
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
    return self.has_too_many or self.loops[object] or self.walked[object] or false
end

-- Disable the JIT compiler, for the reason given at the end of `heap_walk`.
jit.off(true, true)

return {new = new, note_loops = note_loops}
