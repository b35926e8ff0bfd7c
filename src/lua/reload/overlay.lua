--- A table that answers new code differently from everybody else.
--
-- For the names that are offered, the entries are taken out of the table and
-- looked up by who is asking. The table stays the one that it is, and so do
-- all its other entries.

local View = {}
View.__index = View

-- Stands for nil among what is offered and what serves.
local NOTHING = {}

local function pack(value)
    if value == nil then
        return NOTHING
    end
    return value
end

local function unpack_value(value)
    if value == NOTHING then
        return nil
    end
    return value
end

--- @tparam table txn the transaction
-- @tparam table live the table
local function new(txn, live)
    local offered, serving = {}, {}
    local self = setmetatable({
        live = live,
        metatable = getmetatable(live),
        offered = offered,      -- name -> what new code finds
        serving = serving,      -- name -> what everybody else finds
    }, View)
    setmetatable(live, {
        __index = function(_, name)
            if offered[name] ~= nil and txn.staging and txn.origin:is_new_code() then
                return unpack_value(offered[name])
            end
            return unpack_value(serving[name])
        end,
        __newindex = function(_, name, value)
            if txn.staging and txn.origin:is_new_code() then
                self:offer(name, value)
            elseif offered[name] ~= nil then
                serving[name] = pack(value)
            else
                rawset(live, name, value)
            end
        end,
    })
    return self
end

--- Lets new code find something else under a name than everybody else does.
-- @param name
-- @param value nil, if it is to find nothing
function View:offer(name, value)
    if self.offered[name] == nil then
        self.serving[name] = pack(rawget(self.live, name))
        rawset(self.live, name, nil)
    end
    self.offered[name] = pack(value)
end

--- Offers every entry of the table as it is, so that new code can change each
-- without anybody noticing.
function View:offer_all()
    for name, value in pairs(table.copy(self.live)) do
        self:offer(name, value)
    end
end

--- What new code finds under a name that was offered.
function View:find(name)
    return unpack_value(self.offered[name])
end

--- What everybody else finds under a name.
function View:find_serving(name)
    if self.offered[name] ~= nil then
        return unpack_value(self.serving[name])
    end
    return rawget(self.live, name)
end

--- Walks the names that were offered.
-- @treturn function iterator of name, what new code finds
function View:each()
    local name, value
    return function()
        name, value = next(self.offered, name)
        return name, unpack_value(value)
    end
end

--- The table is again what it was, but for what others did to it meanwhile.
-- A second call does nothing.
function View:close()
    if self.closed then
        return
    end
    self.closed = true
    setmetatable(self.live, self.metatable)
    for name, value in pairs(self.serving) do
        rawset(self.live, name, unpack_value(value))
    end
end

return {new = new}
