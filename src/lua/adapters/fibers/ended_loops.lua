--- Reports loops that end unexpectedly during a reload: loops of new code after the
-- commit, and loops of old code after a failure.

local require = ...
local bytecode = require('platform.bytecode')
local fibers_lib = require('platform.fibers')
local succession = require('adapters.fibers.succession')

local EndedLoops = {}
EndedLoops.__index = EndedLoops

--- Creates an empty record of running loops.
-- @tparam table txn the transaction
-- @tparam table started the fibers that new code starts, see `started`
-- @treturn table with the field `watches_main`, which says whether `warn` also checks
--   the loops of the main script. The field is initially false.
local function new(txn, started)
    return setmetatable({
        txn = txn,
        started = started,
        before = {},            -- the loops that were running before new code ran
        watches_main = false,
    }, EndedLoops)
end

--- Returns whether a function comes from a file of the application or of a library.
local function is_from_file(f)
    local source = debug.getinfo(f, 'S').source
    return source:find('^@') ~= nil and not source:find('^@builtin/') and not source:find('^@cartridge%-reload/')
end

--- Lists the loops of the application and of libraries, except those that new code has
-- started. Yields.
-- @treturn {table,...} {id, name, func, where, thread}
local function list_serving(self)
    local list = {}
    for _, item in ipairs(fibers_lib.inspect(is_from_file)) do
        if item.id ~= nil and not item.is_request and self.started.entries[item.id] == nil then
            table.insert(list, {
                id = item.id,
                name = item.name,
                func = item.entry.func,
                where = item.entry.where,
                thread = item.thread,
            })
        end
    end
    return list
end

--- Records which loops of the application and of libraries are running. Must be called
-- before new code runs. Yields.
function EndedLoops:remember()
    self.before = list_serving(self)
end

--- Warns about endless loops that have ended, unless new code has cancelled them: only an
-- error can have ended them. Checks the loops that new code has started. If
-- `watches_main` is set, also checks earlier loops that do not belong to old code, such
-- as those of the main script, because they may call new code. Ignores loops that are
-- running again in another fiber. Yields.
function EndedLoops:warn()
    local ended, is_running = {}, {}
    for _, entry in ipairs(self.started:list_ended()) do
        if self.started:has_failed(entry) then
            table.insert(ended, {func = entry.func, label = 'a loop that the new code started'})
        end
    end
    for _, item in ipairs(self.watches_main and self.before or {}) do
        if not fibers_lib.is_alive(item) and not self.started.cancelled[item.id]
            and not self.txn.ownership:is_old(item.func) and bytecode.loops_for_ever(item.func) then
            table.insert(ended, {func = item.func, label = ('fiber %d %q'):format(item.id, item.name or '')})
        end
    end
    if #ended == 0 then
        return
    end
    for _, item in ipairs(fibers_lib.inspect(is_from_file)) do
        is_running[succession.proto_of(item.entry.func)] = true
    end
    for _, item in ipairs(ended) do
        local proto, info = succession.proto_of(item.func), debug.getinfo(item.func, 'S')
        if not is_running[proto] then
            is_running[proto] = true
            table.insert(self.txn.warnings, ("%s (%s:%d) ended during the reload; see the instance's log")
                :format(item.label, info.short_src, info.linedefined))
        end
    end
end

--- Marks each ended loop that an old role or a supervising fiber has restarted in
-- another fiber. Yields.
-- @tparam {table,...} ended
-- @tparam table ids set of the ids of the fibers that existed before new code ran
local function mark_restarted(self, ended, ids)
    local again = {}
    for _, item in ipairs(list_serving(self)) do
        if not ids[item.id] then
            table.insert(again, item)
        end
    end
    succession.find(again, ended, function(f)
        return f
    end)
    for _, item in ipairs(again) do
        if item.successor ~= nil then
            item.successor.is_restarted = true
        end
    end
end

--- Reports the loops that ended while failed code ran. If failed code has started a
-- replacement for a loop, it has probably also ended the loop, and that cannot be
-- undone. Any other loop of old code may simply have finished, so only a warning is
-- added. Ignores loops that are running again in another fiber. Yields.
-- @tparam table ids set of the ids of the fibers that existed before new code ran
-- @tparam {string,...} warnings a line is appended for each loop of old code without a
--   replacement
-- @tparam {string,...} left a line is appended for each loop with a replacement
function EndedLoops:report(ids, warnings, left)
    local ended, news = {}, {}
    for _, item in ipairs(self.before) do
        if not fibers_lib.is_alive(item) then
            table.insert(ended, item)
        end
    end
    if #ended == 0 then
        return
    end
    for _, entry in pairs(self.started.entries) do
        table.insert(news, {func = entry.func, name = ''})
    end
    succession.find(ended, news, function(f)
        -- Libraries are not reloaded, so a library function is its own counterpart.
        return not self.txn.ownership:is_old(f) and f or nil
    end)
    mark_restarted(self, ended, ids)
    for _, item in ipairs(ended) do
        if item.successor ~= nil and not item.is_restarted then
            table.insert(left, ('fiber %d %q (%s) has ended because the new code started its replacement')
                :format(item.id, item.name or '', tostring(item.where)))
        elseif not item.is_restarted and self.txn.ownership:is_old(item.func) then
            table.insert(warnings, ('fiber %d %q (%s), which ran old code, ended while the new code was being loaded')
                :format(item.id, item.name or '', tostring(item.where)))
        end
    end
end

return {new = new}
