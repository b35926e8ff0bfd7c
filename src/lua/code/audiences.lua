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

-- Stored in place of nil, to distinguish an entry set to nil from an entry that was
-- not set.
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

--- Installs the metatable. `add` then adds the audiences.
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

--- Adds an audience. It sees the serving values, except for entries that `show` has
-- set for it, or that its own code has written. What its code writes is visible to
-- no other code.
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

--- Sets the value that one audience sees for an entry.
-- @tparam table audience result of `add`
-- @param key key of the entry
-- @param value nil to hide the entry from the audience
function Audiences:show(audience, key, value)
    if self.serving[key] == nil then
        self.serving[key] = pack(rawget(self.holder, key))
        rawset(self.holder, key, nil)
    end
    audience.values[key] = pack(value)
end

--- Returns the value that `show` or the audience itself has set for an audience.
-- Returns nil if neither has set one.
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
