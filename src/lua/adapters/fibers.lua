--- Adapter: fibers. After the commit, loops of the old generation are ended or
-- restarted, see `old_fibers`; after a failure, fibers started by new code are ended,
-- see `started`. Loops that have ended by themselves are reported, see `ended_loops`.

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

--- Finds the carriers (see `carriers`) in which libraries call new code. Must be
-- called after all new code has run. Yields.
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

--- Also warns of loops of the main script that end during the reload.
function Fibers:watch_main()
    self.ended.watches_main = true
end

--- Records the running loops of the application and of libraries, before new code
-- runs. Yields.
function Fibers:remember_loops()
    if fibers_lib.locate() ~= nil then
        self.ended:remember()
    end
end

--- Ends the loops in which libraries call old code, see `end_carriers` in `old_fibers`. A
-- second call does nothing. Yields.
function Fibers:end_carriers()
    local news = self.carriers or {}
    self.carriers = nil
    self.old:end_carriers(news)
end

--- Waits until the requests that old code is serving have finished. Yields.
-- @tparam ?number patience maximum wait in seconds
-- @treturn boolean whether all have finished
function Fibers:wait_for_requests(patience)
    return fibers_lib.locate() == nil or self.old:wait_for_requests(patience)
end

--- Ends, restarts or reports the loops of the old generation. Must be called after
-- `wait_for_requests`. Yields.
-- @treturn ?string why the loops could not be handled
function Fibers:finish()
    if fibers_lib.locate() == nil then
        return 'this build of Tarantool does not expose its fibers: loops of the old code were left running'
    end
    local alone = self.old:end_replaced()
    self.ended:warn()
    self.old:report_alone(alone)
    return nil
end

--- Whether a fiber was started between the snapshot and the commit.
-- @tparam number id
-- @treturn boolean
function Fibers:is_new(id)
    return self.at_commit ~= nil and self.at_commit[id] ~= nil and self.before[id] == nil
end

--- Returns the loops that still run old code: they count as stale references.
-- @treturn {table,...} {id, name, func = entry function, reason}
function Fibers:list_loops()
    return self.old.loops
end

--- Ends the older fiber of each loop that runs twice after a rollback. That happens if
-- a role was stopped and restarted, but its `stop` did not end the loop. Yields.
function Fibers:revive()
    self.started:unstage()
    local restarted, before = {}, {}
    for _, item in ipairs(fibers_lib.inspect(function(f)
        return self.txn.ownership:is_old(f)
    end)) do
        -- Compare only loops of application code: the server loop of a library looks
        -- the same for every port.
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

--- Reports the loops that ended while the failed code ran, see `report` in `ended_loops`.
-- Yields.
-- @tparam {string,...} warnings
-- @tparam {string,...} left
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

--- Ends the fibers of failed code that ignore cancellation, see `end_left` in `started`.
-- Yields.
-- @tparam {string,...} left
function Fibers:check_left(left)
    self.started:end_left(left)
end

return {new = new}
