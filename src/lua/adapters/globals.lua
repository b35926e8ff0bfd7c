--- Adapter: global variables and `cartridge.vars` of the application.
--
-- A global that new code sets is seen by everybody at once; there is no way to
-- stage it. What can be undone is undone: variables get their old values back,
-- and tables of data that were changed in place are named, as nobody can tell
-- what else happened to them meanwhile.

local require = ...
local fiber = require('fiber')

local Globals = {name = 'globals'}
Globals.__index = Globals

-- How many entries of the tables behind the variables are looked at.
local ENTRIES = 10000

local IGNORED = {__cartridge_reload = true, require = true, _G = true, package = true, box = true}

local function new(txn, modules)
    return setmetatable({txn = txn, modules = modules}, Globals)
end

--- The tables that hold variables: `_G`, and the variables of each module of
-- the application.
function Globals:holders()
    local holders = {{label = 'global %s', table = _G}}
    for name, values in pairs(rawget(_G, '_cluster_vars_values') or {}) do
        if self.modules.by_name[name] ~= nil and type(values) == 'table' then
            table.insert(holders, {label = ('cartridge.vars of %s: %%s'):format(name), table = values})
        end
    end
    return holders
end

local function is_data(name, value)
    return type(value) == 'table' and not IGNORED[name] and package.loaded[name] ~= value
        and tostring(name):sub(1, 14) ~= '_cluster_vars_'
end

function Globals:snapshot()
    self.before, self.data = self:holders(), {}
    local count = 0
    for _, holder in ipairs(self.before) do
        holder.values = {}
        for name, value in next, holder.table do
            holder.values[name] = value
            if is_data(name, value) and count < ENTRIES then
                local copy = {}
                for key, item in next, value do
                    copy[key] = item
                    count = count + 1
                end
                table.insert(self.data, {
                    label = holder.label:format(tostring(name)),
                    table = value,
                    copy = copy,
                })
            end
        end
    end
end

function Globals.commit()
end

local function is_changed(data)
    for key, value in next, data.copy do
        if rawget(data.table, key) ~= value then
            return true
        end
    end
    for key in next, data.table do
        if data.copy[key] == nil then
            return true
        end
    end
    return false
end

--- Compares the tables of data with what they were, and starts anew from what
-- they are now.
local function compare(self, verdict)
    for _, data in ipairs(self.data) do
        if is_changed(data) then
            data.verdict = data.verdict == 'certain' and 'certain' or verdict
            data.copy = {}
            for key, item in next, data.table do
                data.copy[key] = item
            end
        end
    end
end

--- New code is about to run.
function Globals:before_call()
    compare(self, 'other')
    -- The time of the event loop: as long as it stands still, nothing else has
    -- run in between.
    self.loop_time = fiber.clock()
end

--- New code has run: what changed was changed by it, if nothing else ran.
function Globals:after_call()
    compare(self, fiber.clock() == self.loop_time and 'certain' or 'doubtful')
end

function Globals:rollback(undone, left, doubts)
    for _, holder in ipairs(self.before or {}) do
        local now = {}
        for name, value in next, holder.table do
            now[name] = value
        end
        for name, value in pairs(holder.values) do
            if now[name] ~= value and not IGNORED[name] then
                rawset(holder.table, name, value)
                table.insert(undone, holder.label:format(tostring(name)))
            end
        end
        for name in pairs(now) do
            if holder.values[name] == nil and not IGNORED[name] then
                rawset(holder.table, name, nil)
                table.insert(undone, holder.label:format(tostring(name)))
            end
        end
    end
    for _, data in ipairs(self.data or {}) do
        if data.verdict == 'certain' then
            table.insert(left, data.label .. ' was changed in place')
        elseif data.verdict == 'doubtful' then
            table.insert(doubts, data.label .. ' changed in place while new code ran, not necessarily by it')
        end
    end
end

return {new = new}
