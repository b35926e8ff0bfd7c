--- A table that answers new code differently from everybody else.
--
-- For the names that are offered, the entries are taken out of the table and
-- looked up by who is asking. The table stays the one that it is, and so do
-- all its other entries.

local View = {}
View.__index = View

--- @tparam table txn the transaction
-- @tparam table live the table
-- @tparam ?function is_asking whether it is new code that asks; the default also
--   counts what the transaction itself calls, such as `stop` of old roles
local function new(txn, live, is_asking)
    is_asking = is_asking or function()
        return txn.origin:is_asking()
    end
    local offered, serving = {}, {}
    local self = setmetatable({
        live = live,
        metatable = getmetatable(live),
        offered = offered,      -- name -> what new code finds; false for nothing
        serving = serving,      -- name -> what everybody else finds
    }, View)
    setmetatable(live, {
        __index = function(_, name)
            if offered[name] ~= nil and txn.staging and is_asking() then
                return offered[name] or nil
            end
            return serving[name]
        end,
        __newindex = function(_, name, value)
            if txn.staging and is_asking() then
                offered[name] = value == nil and false or value
            elseif offered[name] ~= nil then
                serving[name] = value
            else
                rawset(live, name, value)
            end
        end,
    })
    return self
end

--- Lets new code find something else under a name than everybody else does.
-- @param name
-- @param value or false, if it is to find nothing
function View:offer(name, value)
    if self.offered[name] == nil then
        self.serving[name] = rawget(self.live, name)
        rawset(self.live, name, nil)
    end
    self.offered[name] = value
end

--- The table is again what it was, but for what others did to it meanwhile.
-- A second call does nothing.
function View:close()
    if self.closed then
        return
    end
    self.closed = true
    setmetatable(self.live, self.metatable)
    for name in pairs(self.offered) do
        rawset(self.live, name, self.serving[name])
    end
end

return {new = new}
