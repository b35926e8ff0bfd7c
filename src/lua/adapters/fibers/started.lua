--- Records the fibers that new code starts, and ends them if new code fails.

local require = ...
local bytecode = require('platform.bytecode')
local clock = require('clock')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local terminate = require('code.terminate')
local wait_for = require('adapters.fibers.wait')

-- How long to wait for the fibers of failed code to end, in seconds.
local DRAIN = 0.25

local CONSTRUCTORS = {'create', 'new'}

local Started = {}
Started.__index = Started

--- Creates an empty record. Recording starts when `stage` is called.
-- @tparam table txn the transaction
local function new(txn)
    return setmetatable({
        txn = txn,
        entries = {},   -- id -> {id, object, func, thread, is_withdrawn}
        cancelled = {}, -- set of the ids of the fibers that new code has cancelled
    }, Started)
end

--- Returns whether a function is the entry function of the fiber of a net.box
-- connection. Such a fiber is not recorded, because cancelling it would break the
-- connection, and the connection may belong to a library.
local function is_of_connection(f)
    return debug.getinfo(f, 'S').source:match('^@builtin/.*net_box%.lua$') ~= nil
end

--- Begins to record the fibers that new code starts.
function Started:stage()
    local txn, entries = self.txn, self.entries
    self.wrapped = {}
    for _, name in ipairs(CONSTRUCTORS) do
        local original = fiber[name]
        local function staged(f, ...)
            if not (txn.staging and txn.ownership:is_asking()) or type(f) ~= 'function' or is_of_connection(f) then
                return original(f, ...)
            end
            local entry = {func = f}
            entry.object = original(function(...)
                -- A fiber of failed code that starts to run after the rollback must do
                -- nothing.
                if self.is_over then
                    return nil
                end
                entry.thread = coroutine.running()
                txn.ownership:adopt(fiber.id())
                return f(...)
            end, ...)
            entry.id = entry.object:id()
            entries[entry.id] = entry
            return entry.object
        end
        self.wrapped[name] = {original = original, staged = staged}
        fiber[name] = staged
    end
end

--- Restores the functions that create fibers.
function Started:unstage()
    for name, wrap in pairs(self.wrapped or {}) do
        if fiber[name] == wrap.staged then
            fiber[name] = wrap.original
        end
    end
end

--- Returns whether an ended fiber of new code must have failed. This is the case if its
-- entry function never returns, and new code has not cancelled the fiber.
function Started:has_failed(entry)
    return not self.cancelled[entry.id] and bytecode.loops_for_ever(entry.func)
end

--- Records that new code cancels a fiber. The fiber may have started before the reload.
function Started:note_cancelled(id)
    self.cancelled[id] = true
end

--- Lists the recorded fibers that have ended, except withdrawn ones (see `mark`).
-- @treturn {table,...} entries
function Started:list_ended()
    local list = {}
    for _, entry in pairs(self.entries) do
        if not fibers_lib.is_alive(entry) and not entry.is_withdrawn then
            table.insert(list, entry)
        end
    end
    return list
end

local function is_over(entry)
    local thread = entry.thread
    return entry.object:status() == 'dead' or thread ~= nil and not fibers_lib.is_alive(entry)
end

--- Cancels a fiber of failed code, unless it has already been cancelled, or is inside a
-- protected call that would catch the resulting error.
local function cancel_entry(entry, undone)
    if not is_over(entry) and not entry.is_cancelled then
        local name = entry.object:name()
        entry.is_cancelled = fibers_lib.cancel_safely(entry)
        if entry.is_cancelled then
            table.insert(undone, ('fiber %d %q'):format(entry.id, name))
        end
    end
end

--- Returns a function that withdraws the fibers that new code has started since `mark`
-- was called. A withdrawn fiber is cancelled, unless it is inside a protected call.
-- `list_ended` leaves out withdrawn fibers.
function Started:mark()
    local before = table.copy(self.entries)
    return function()
        for id, entry in pairs(self.entries) do
            if before[id] == nil then
                entry.is_withdrawn = true
                fibers_lib.cancel_safely(entry)
            end
        end
    end
end

--- Cancels the fibers of failed code.
-- @tparam {string,...} undone a line is appended for each cancelled fiber
function Started:cancel(undone)
    self:unstage()
    self.is_over, self.undone = true, undone
    for _, entry in pairs(self.entries) do
        cancel_entry(entry, undone)
    end
end

--- Returns the fibers that new code has started.
-- @treturn {userdata,...} fiber objects
function Started:list_objects()
    local list = {}
    for _, entry in pairs(self.entries) do
        table.insert(list, entry.object)
    end
    return list
end

--- Ends the fibers of failed code that `cancel` could not end. Such a fiber is inside a
-- protected call, or has caught the error that its cancellation raised (see
-- `code.terminate`). Yields.
-- @tparam {string,...} left a line is appended for each fiber that cannot be ended
function Started:end_left(left)
    local list = {}
    for _, entry in pairs(self.entries) do
        table.insert(list, entry)
    end
    table.sort(list, function(a, b)
        return a.id < b.id
    end)
    list = wait_for(list, clock.monotonic() + DRAIN, function(entry)
        -- The fiber may have left its protected call since the last attempt.
        cancel_entry(entry, self.undone or {})
        return is_over(entry)
    end)
    terminate.run(list, clock.monotonic() + DRAIN, is_over)
    for _, entry in pairs(self.entries) do
        if is_over(entry) and entry.thread ~= nil then
            fibers_lib.reap({id = entry.id, thread = entry.thread, is_joinable = true})
        end
    end
    for _, entry in ipairs(list) do
        local label = ('fiber %d'):format(entry.id)
        if is_over(entry) then
            table.insert(self.undone or {}, label)
        else
            table.insert(left, label .. ' runs new code and ignores cancellation')
        end
    end
end

return {new = new}
