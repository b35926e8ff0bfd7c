--- Entries of a table that some callers see differently from all other code.
--
-- This is installed as a metatable of the table: the value of an entry stays a
-- plain table, so serving code that iterates over it, counts it or uses rawget
-- finds the serving values.
--
-- LuaJIT consults a metatable only for missing keys. So the entries that differ
-- are removed from the table until `close`.

local Audiences = {}
Audiences.__index = Audiences

-- Stands for nil among the values.
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

--- @tparam table holder the table
local function new(holder)
    local self = setmetatable({
        holder = holder,
        metatable = getmetatable(holder),
        serving = {},   -- key -> what everybody else sees
        list = {},
    }, Audiences)
    setmetatable(holder, {
        __index = function(_, key)
            local audience = self:caller()
            if audience ~= nil and audience.values[key] ~= nil then
                return unpack_value(audience.values[key])
            end
            return unpack_value(self.serving[key])
        end,
        __newindex = function(_, key, value)
            local audience = self:caller()
            if audience ~= nil then
                self:show(audience, key, value)
            elseif self.serving[key] ~= nil then
                self.serving[key] = pack(value)
            else
                rawset(holder, key, value)
            end
        end,
    })
    return self
end

--- Returns the audience of the running code, or nil.
function Audiences:caller()
    for _, audience in ipairs(self.list) do
        if audience.sees() then
            return audience
        end
    end
    return nil
end

--- Adds an audience. It sees everything that it is not shown otherwise as all
-- other code does; what it writes is visible only to itself.
-- @tparam function sees () -> whether the running code belongs to it
-- @treturn table
function Audiences:add(sees)
    local audience = {sees = sees, values = {}}
    table.insert(self.list, audience)
    return audience
end

--- Removes an audience: its code then sees what all other code sees.
function Audiences:remove(audience)
    for i, other in ipairs(self.list) do
        if other == audience then
            table.remove(self.list, i)
            return
        end
    end
end

--- Shows an audience a different value of an entry.
-- @param key
-- @param value nil, if it is to see none
function Audiences:show(audience, key, value)
    if self.serving[key] == nil then
        self.serving[key] = pack(rawget(self.holder, key))
        rawset(self.holder, key, nil)
    end
    audience.values[key] = pack(value)
end

--- Returns what an audience was shown, or has written.
function Audiences.find(_, audience, key)
    return unpack_value(audience.values[key])
end

--- Returns what all other code sees.
function Audiences:find_serving(key)
    if self.serving[key] ~= nil then
        return unpack_value(self.serving[key])
    end
    return rawget(self.holder, key)
end

--- Makes the table a plain one again, with the serving values. A second call
-- does nothing.
function Audiences:close()
    if self.closed then
        return
    end
    self.closed = true
    setmetatable(self.holder, self.metatable)
    for key, value in pairs(self.serving) do
        rawset(self.holder, key, unpack_value(value))
    end
end

return {new = new}
