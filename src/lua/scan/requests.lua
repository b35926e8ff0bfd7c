--- Requests in flight: fibers with code of an earlier generation on their stack.
-- Such a request started on that code and finishes on it: nothing that it holds
-- is patched before its last old frame has returned.
--
-- The walk finds out what only such requests can reach. But they also hold
-- things that other code can reach: a table in a local variable, with a
-- function that a library will call again; the upvalue of a wrapper that calls
-- its function in a loop; the tables of old modules; and the triggers of its
-- transaction, whose owner cannot be determined.

local require = ...
local bit = require('bit')
local jutil = require('jit.util')
local slice = require('core.yield')
local vmdef = require('jit.vmdef')
local walk_lib = require('scan.heap_walk')

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- How many instructions of a function are examined.
local INSTRUCTIONS = 2000
-- How many upvalues of a function are examined.
local UPVALUES = 60

local Requests = {}
Requests.__index = Requests

--- Creates a tracker of requests.
-- @tparam function classify see `generations.classify`
local function new(classify)
    return setmetatable({
        classify = classify,
        first = nil,    -- set of the fibers that were there when the scan began
        busy = {},      -- those of now
    }, Requests)
end

--- Finds them. Yields.
-- @tparam {thread,...} threads of all fibers
function Requests:collect(threads)
    local busy, first = {}, {}
    for _, thread in ipairs(threads) do
        slice.pause()
        if walk_lib.runs_stale(thread, self.classify) then
            table.insert(busy, thread)
            first[thread] = self.first == nil or self.first[thread] or nil
        end
    end
    self.busy, self.first, self.slice = busy, first, nil
end

--- Drops those that have finished. Does not yield.
local function refresh(self)
    for i = #self.busy, 1, -1 do
        local thread = self.busy[i]
        if not walk_lib.runs_stale(thread, self.classify) then
            table.remove(self.busy, i)
            self.first[thread] = nil
        end
    end
end

--- Returns which instructions of a function read each upvalue, and whether any
-- of them may run twice.
local function reads_of(f)
    local reads, loops = {}, false
    for pc = 1, INSTRUCTIONS do
        local instruction = jutil.funcbc(f, pc)
        if instruction == nil then
            return reads, loops
        end
        local op = bit.band(instruction, 0xff)
        local name = vmdef.bcnames:sub(op * 6 + 1, op * 6 + 6):gsub(' +$', '')
        if name == 'UGET' then
            local index = bit.rshift(instruction, 16) + 1
            reads[index] = (reads[index] or 0) + 1
        elseif name:match('LOOP$') or name:match('FORL$') or name:match('ITERL$') or name == 'FNEW' then
            loops = true
        end
    end
    return reads, true
end

--- Records the upvalues of a function that a request will read again.
-- @tparam boolean is_all whether it may call the function once more
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
    for level = 0, walk_lib.LEVELS do
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

--- Records what they hold right now. Does not yield.
-- @param moment what is the same until others have run, nil if they have
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

--- Whether a request holds the object with a place, or the upvalue that is the
-- place. Does not yield.
-- @tparam table place
-- @param moment see `update`
function Requests:hold(place, moment)
    update(self, moment)
    local object = place.object
    if place.kind == 'upvalue' then
        return self.cells[debug.upvalueid(object, place.key)] or false
    end
    return type(object) == 'table' and self.tables[object] or false
end

--- Whether a request is running that existed when the scan began. Does not
-- yield.
-- @param moment see `update`
function Requests:are_running(moment)
    update(self, moment)
    return self.first ~= nil and next(self.first) ~= nil
end

jit.off(true, true)

return {new = new}
