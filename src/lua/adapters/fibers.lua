--- Adapter: fibers. After the commit, loops of old code are ended or restarted (see
-- `adapters.fibers.old_fibers`). If new code fails, the fibers that it has started are
-- ended (see `adapters.fibers.started`). Loops that end unexpectedly are reported (see
-- `adapters.fibers.ended_loops`).

local require = ...
local carriers = require('adapters.fibers.carriers')
local ended_loops = require('adapters.fibers.ended_loops')
local fibers_lib = require('platform.fibers')
local old_fibers = require('adapters.fibers.old_fibers')
local started_lib = require('adapters.fibers.started')

local Fibers = {name = 'fibers'}
Fibers.__index = Fibers

local function new(txn)
    local started = started_lib.new(txn)
    local old = old_fibers.new(txn, started)
    return setmetatable({
        txn = txn,
        started = started,
        old = old,
        ended = ended_loops.new(txn, started),
        report = old.report,
    }, Fibers)
end

function Fibers:snapshot()
    self.before = fibers_lib.ids()
end

function Fibers:stage()
    self.started:stage()
end

--- Finds the fibers in which library loops call new code (see
-- `adapters.fibers.carriers`). Must be called after all new code has run. Yields.
function Fibers:before_commit()
    local ownership = self.txn.ownership
    self.carriers = carriers.collect(ownership, function(id)
        return not self.before[id]
    end, function(f)
        return ownership:is_new(f)
    end)
end

function Fibers:commit()
    self.started:unstage()
    self.at_commit = fibers_lib.ids()
end

--- Records that new code cancels a fiber.
-- @tparam number id
function Fibers:note_cancelled(id)
    self.started:note_cancelled(id)
end

--- Makes `finish` also warn about loops of the main script that end during the reload.
function Fibers:watch_main()
    self.ended.watches_main = true
end

--- Records which loops of the application and of libraries are running. Must be called
-- before new code runs. Yields.
function Fibers:remember_loops()
    if fibers_lib.locate() ~= nil then
        self.ended:remember()
    end
end

--- Ends each library loop that calls old code, if the library runs a matching loop for
-- new code (see `adapters.fibers.carriers`). A second call does nothing. Yields.
function Fibers:end_carriers()
    local news = self.carriers or {}
    self.carriers = nil
    self.old:end_carriers(news)
end

--- Waits until all requests in old code have finished. Yields.
-- @tparam ?number patience maximum wait in seconds
-- @treturn boolean whether all have finished
function Fibers:wait_for_requests(patience)
    return fibers_lib.locate() == nil or self.old:wait_for_requests(patience)
end

--- Ends, restarts or reports the loops of old code. Must be called after
-- `wait_for_requests`. Yields.
-- @treturn ?string why the loops could not be handled; nil on success
function Fibers:finish()
    if fibers_lib.locate() == nil then
        return "this build of Tarantool does not expose its fibers, so the old code's loops were left running"
    end
    local alone = self.old:end_replaced()
    self.ended:warn()
    self.old:report_alone(alone)
    return nil
end

--- Returns whether a fiber was started after the snapshot and was running at the commit.
-- @tparam number id
-- @treturn boolean
function Fibers:is_new(id)
    return self.at_commit ~= nil and self.at_commit[id] ~= nil and self.before[id] == nil
end

--- Returns the loops that still run old code. The report counts them as stale
-- references.
-- @treturn {table,...} {id, name, func = entry function, reason}
function Fibers:list_loops()
    return self.old.loops
end

--- After a rollback, ends the older fiber of each loop that runs in two fibers. This
-- happens if a role was restarted although its `stop` had not ended the loop. Yields.
function Fibers:revive()
    self.started:unstage()
    local restarted, before = {}, {}
    for _, item in ipairs(fibers_lib.inspect(function(f)
        return self.txn.ownership:is_old(f)
    end)) do
        -- Compare only loops of the application. Identical loops of a library may be
        -- intended, such as one server loop for each port.
        if item.id ~= nil and not item.is_request then
            table.insert(self.started.entries[item.id] ~= nil and restarted or before, item)
        end
    end
    local ending = {}
    for _, item in ipairs(restarted) do
        for index, other in ipairs(before) do
            if self.before[other.id] and self.txn.ownership.is_same(item.entry.func, other.entry.func) then
                table.insert(ending, table.remove(before, index))
                break
            end
        end
    end
    local function is_old(f)
        return self.txn.ownership:is_old(f)
    end
    local again = carriers.collect(self.txn.ownership, function(id)
        return not self.before[id]
    end, is_old)
    for _, item in ipairs((carriers.find(self.txn.ownership, again, {
        accepts = function(id)
            return self.before[id]
        end,
        find_counterpart = function() end,
    }))) do
        table.insert(ending, item)
    end
    self.old:cancel(ending)
end

--- Reports the loops that ended while failed code ran, see `EndedLoops:report`. Yields.
-- @tparam {string,...} warnings lines are appended
-- @tparam {string,...} left lines are appended
function Fibers:report_ended(warnings, left)
    self.ended:report(self.before, warnings, left)
end

function Fibers:mark()
    return self.started:mark()
end

function Fibers:rollback(undone)
    self.started:cancel(undone)
end

--- Returns the fibers that new code has started.
-- @treturn {userdata,...} fiber objects
function Fibers:list_started()
    return self.started:list_objects()
end

--- Ends the fibers of failed code that are still running, see `Started:end_left`.
-- Yields.
-- @tparam {string,...} left a line is appended for each fiber that cannot be ended
function Fibers:check_left(left)
    self.started:end_left(left)
end

return {new = new}
