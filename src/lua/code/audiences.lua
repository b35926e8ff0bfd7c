--- Makes entries of a table differ between callers. An audience is a set of callers,
-- such as new code, that sees values of its own; all other code sees the serving
-- values.
--
-- Only the table itself gets a metatable. Its values are not wrapped in proxies,
-- so serving code may iterate over a value, count its entries or use rawget.
--
-- LuaJIT consults a metatable only for missing keys. So entries that differ
-- between callers are removed from the table until `close`.

local Audiences = {}
Audiences.__index = Audiences

-- Represents nil as a value.
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

--- Installs the metatable. There are no audiences yet.
-- @tparam table holder the table whose entries may differ between callers
local function new(holder)
    local self = setmetatable({
        holder = holder,
        metatable = getmetatable(holder),
        serving = {},   -- key -> value that all other code sees
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

--- Returns the audience to which the running code belongs, or nil.
function Audiences:caller()
    for _, audience in ipairs(self.list) do
        if audience.sees() then
            return audience
        end
    end
    return nil
end

--- Adds an audience. What it writes is visible only to itself. It sees the serving
-- values of entries that were neither set with `show` nor written by it.
-- @tparam function sees () -> whether the running code belongs to the audience
-- @treturn table the audience
function Audiences:add(sees)
    local audience = {sees = sees, values = {}}
    table.insert(self.list, audience)
    return audience
end

--- Removes an audience: from then on its code sees the serving values.
function Audiences:remove(audience)
    for i, other in ipairs(self.list) do
        if other == audience then
            table.remove(self.list, i)
            return
        end
    end
end

--- Gives an entry a different value for one audience.
-- @param key
-- @param value nil to hide the entry
function Audiences:show(audience, key, value)
    if self.serving[key] == nil then
        self.serving[key] = pack(rawget(self.holder, key))
        rawset(self.holder, key, nil)
    end
    audience.values[key] = pack(value)
end

--- Returns the value of an entry that was set for an audience with `show`, or written by
-- it; nil if there is none.
function Audiences.find(_, audience, key)
    return unpack_value(audience.values[key])
end

--- Returns the value that code outside the audiences sees.
function Audiences:find_serving(key)
    if self.serving[key] ~= nil then
        return unpack_value(self.serving[key])
    end
    return rawget(self.holder, key)
end

--- Removes the metatable and puts the serving values back into the table. A
-- second call does nothing.
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
