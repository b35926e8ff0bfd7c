--- An overlay: a table whose entries look different to new code.
--
-- Entries that are offered are removed from the table and looked up depending
-- on the caller. The table keeps its identity and all its other entries.

local View = {}
View.__index = View

-- Stands for nil among offered and serving values.
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

--- Shows new code a different value under a name.
-- @param name
-- @param value nil, if it is to find nothing
function View:offer(name, value)
    if self.offered[name] == nil then
        self.serving[name] = pack(rawget(self.live, name))
        rawset(self.live, name, nil)
    end
    self.offered[name] = pack(value)
end

--- Offers every entry unchanged, so that new code can modify each of them
-- unnoticed.
function View:offer_all()
    for name, value in pairs(table.copy(self.live)) do
        self:offer(name, value)
    end
end

--- Returns what new code finds under an offered name.
function View:find(name)
    return unpack_value(self.offered[name])
end

--- Returns what all other code finds under a name.
function View:find_serving(name)
    if self.offered[name] ~= nil then
        return unpack_value(self.serving[name])
    end
    return rawget(self.live, name)
end

--- Iterates over the offered names.
-- @treturn function iterator of name, what new code finds
function View:each()
    local name, value
    return function()
        name, value = next(self.offered, name)
        return name, unpack_value(value)
    end
end

--- Restores the table, including changes that other code has made. A second call
-- does nothing.
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
