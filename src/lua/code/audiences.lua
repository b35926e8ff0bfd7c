--- Makes a table show different entries to different callers. An audience is a set of
-- callers, such as new code, that sees its own values. All other code sees the values
-- of the serving code, which handles requests.
--
-- Only the table itself gets a metatable. Its values are not wrapped in proxies, so
-- serving code may iterate over a value, count its entries or use rawget.
--
-- LuaJIT consults a metatable only for missing keys. Therefore entries that differ
-- between callers are removed from the table until `close`.

local Audiences = {}
Audiences.__index = Audiences

-- Marks an entry that was set to nil, as opposed to an entry that was not set.
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

--- Installs a metatable on a table, so that audiences can be added with `add`.
-- @tparam table holder the table
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

--- Returns the audience that contains the running code, or nil if no audience does.
function Audiences:caller()
    for _, audience in ipairs(self.list) do
        if audience.sees() then
            return audience
        end
    end
    return nil
end

--- Adds an audience. It sees its own values for entries that `show` or code of the
-- audience has set. For all other entries, it sees the values of the serving code. No
-- other code sees what code of the audience sets.
-- @tparam function sees () -> whether the running code belongs to the audience
-- @treturn table the audience
function Audiences:add(sees)
    local audience = {sees = sees, values = {}}
    table.insert(self.list, audience)
    return audience
end

--- Removes an audience. Its code then sees the values of the serving code.
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

--- Returns the value that an audience sees instead of the serving value. Returns nil if
-- neither `show` nor code of the audience has set one.
function Audiences.find(_, audience, key)
    return unpack_value(audience.values[key])
end

--- Returns the value that code outside all audiences sees.
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
