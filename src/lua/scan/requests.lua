--- Tracks requests in flight: fibers that have code of an earlier generation on their
-- stack. A request that started on old code also finishes on old code. Therefore a
-- reference that the request uses is patched only after the last old function on its
-- stack has returned.
--
-- The heap walk itself recognises objects that only these requests can reach. This
-- module recognises what a request still uses, but shares with other code:
--
--   - a table in a local variable of the request, because a library may call a
--     function in the table;
--   - an upvalue of a wrapper on the stack of the request, because the wrapper may
--     call the function in the upvalue again;
--   - an upvalue of a wrapper in a local variable of the request, because the request
--     may call the wrapper.
--
-- Two kinds of references cannot be assigned to a single request: references in
-- tables of old modules, and references in the Lua registry, such as those to triggers
-- of a transaction. They count as in use until the requests that were in flight at the
-- start of the scan have finished.

local require = ...
local bytecode = require('platform.bytecode')
local stacks = require('platform.stacks')
local walk_lib = require('scan.heap_walk')
local yield = require('core.yield')

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- Maximum number of instructions to examine in a function.
local INSTRUCTIONS = 2000
-- Maximum number of upvalues to examine in a function.
local UPVALUES = 60

local Requests = {}
Requests.__index = Requests

--- Creates a tracker of requests in flight.
-- @tparam function classify (f) -> a word for the generation of the function, see
--   `generations.classify`
local function new(classify)
    return setmetatable({
        classify = classify,
        first = nil,    -- set of the requests that were in flight when the scan began
        busy = {},      -- list of the requests that are in flight now
    }, Requests)
end

--- Finds the requests in flight. Called at the start of each pass of the scan. May
-- yield.
-- @tparam {thread,...} threads the coroutines of all fibers
function Requests:collect(threads)
    local busy, first = {}, {}
    for _, thread in ipairs(threads) do
        yield.if_due()
        if walk_lib.runs_stale(thread, self.classify) then
            table.insert(busy, thread)
            first[thread] = self.first == nil or self.first[thread] or nil
        end
    end
    self.busy, self.first, self.slice = busy, first, nil
end

--- Stops tracking the requests that no longer run old code. Does not yield.
local function refresh(self)
    for i = #self.busy, 1, -1 do
        local thread = self.busy[i]
        if not walk_lib.runs_stale(thread, self.classify) then
            table.remove(self.busy, i)
            self.first[thread] = nil
        end
    end
end

--- For each upvalue of a function, counts the instructions that read it.
-- @treturn table index of the upvalue -> number of instructions
-- @treturn boolean true if upvalues may be read more often than these numbers say,
--   because the function has a loop, creates closures, or is too long to be examined
--   completely
local function reads_of(f)
    local reads, loops = {}, false
    for pc = 1, INSTRUCTIONS do
        local name, instruction = bytecode.decode(f, pc)
        if name == nil then
            return reads, loops
        end
        if name == 'UGET' then
            local index = bytecode.operand_d(instruction) + 1
            reads[index] = (reads[index] or 0) + 1
        elseif name:match('LOOP$') or name:match('FORL$') or name:match('ITERL$') or name == 'FNEW' then
            loops = true
        end
    end
    return reads, true
end

--- Records those upvalues of a function that a request in flight may still read.
-- @tparam table cells set of upvalue ids to which the upvalues are added
-- @tparam function f
-- @tparam boolean is_all true if the request may call the function: adds all upvalues.
--   False if the function is already running: adds only the upvalues that it may read a
--   second time.
local function note_upvalues(cells, f, is_all)
    local reads, loops
    for index = 1, UPVALUES do
        local name, value = getupvalue(f, index)
        if name == nil then
            return
        elseif name ~= '' and (type(value) == 'function' or type(value) == 'table') then
            if reads == nil and not is_all then
                reads, loops = reads_of(f)
            end
            if is_all or loops or (reads[index] or 0) > 1 then
                cells[debug.upvalueid(f, index)] = true
            end
        end
    end
end

local function note_stack(self, thread, modules)
    for level = 0, stacks.LEVELS do
        local info = getinfo(thread, level, 'f')
        if info == nil then
            return
        elseif self.classify(info.func) ~= 'ours' then
            if self.classify(info.func) == 'other' then
                note_upvalues(self.cells, info.func, false)
            end
            for _, step in ipairs({1, -1}) do
                local index = step
                while true do
                    local name, value = getlocal(thread, level, index)
                    if name == nil then
                        break
                    elseif type(value) == 'table' and not modules[value] then
                        self.tables[value] = true
                    elseif type(value) == 'function' and self.classify(value) == 'other' then
                        note_upvalues(self.cells, value, true)
                    end
                    index = index + step
                end
            end
        end
    end
end

--- Records which tables and upvalues the requests in flight are using now. Does not
-- yield.
-- @param moment a value that changes whenever the caller yields. As long as it stays
--   the same, the previous records are kept. If it is nil, new records are always
--   made.
local function update(self, moment)
    if moment ~= nil and self.slice == moment then
        return
    end
    self.slice, self.tables, self.cells = moment, {}, {}
    refresh(self)
    if #self.busy == 0 then
        return
    end
    local modules = {[_G] = true}
    for _, value in next, package.loaded do
        if type(value) == 'table' then
            modules[value] = true
        end
    end
    for _, thread in ipairs(self.busy) do
        note_stack(self, thread, modules)
    end
end

--- Returns whether a request in flight is using the upvalue or the table that
-- contains a reference. Does not yield.
-- @tparam table place the reference, see `heap_walk`
-- @param moment see `update`
function Requests:hold(place, moment)
    update(self, moment)
    local object = place.object
    if place.kind == 'upvalue' then
        return self.cells[debug.upvalueid(object, place.key)] or false
    end
    return type(object) == 'table' and self.tables[object] or false
end

--- Returns whether any request that was in flight at the start of the scan still runs
-- old code. Does not yield.
-- @param moment see `update`
function Requests:are_running(moment)
    update(self, moment)
    return self.first ~= nil and next(self.first) ~= nil
end

jit.off(true, true)

return {new = new}
