--- Adapter: fields that the application or a library has added to the Lua objects of
-- spaces (`box.space.NAME`), such as the state of a queue. Space objects outlive a
-- reload. A library may use its field to determine whether it still manages the space,
-- so a rollback restores these fields.

local Spaces = {name = 'spaces'}
Spaces.__index = Spaces

-- Maximum number of examined spaces, and of examined entries in each table.
local LIMIT, ENTRIES = 10000, 100

--- Returns the tables and functions that the application or a library has added to a
-- space object. Skips Tarantool's own fields, that is, those that a system space object
-- has too.
-- @tparam table space
-- @tparam table builtin the object of a system space
local function own_entries(space, builtin)
    local entries = {}
    for key, value in next, space do
        if type(key) == 'string' and rawget(builtin, key) == nil
        and (type(value) == 'table' or type(value) == 'function') then
            entries[key] = value
        end
    end
    return entries
end

local function each_space(visit)
    local builtin = type(box.cfg) ~= 'function' and box.space and box.space._space
    local count = 0
    for name, space in next, type(builtin) == 'table' and box.space or {} do
        count = count + 1
        if count > LIMIT then
            return
        elseif type(name) == 'string' and type(space) == 'table' then
            visit(name, space, builtin)
        end
    end
end

local function new(txn)
    return setmetatable({txn = txn, before = {}}, Spaces)
end

function Spaces:snapshot()
    each_space(function(_, space, builtin)
        self.before[space] = own_entries(space, builtin)
    end)
end

function Spaces.commit()
end

--- Returns whether a value belongs to new code: it is or wraps a new function, or it is
-- a table that contains a new function, possibly in its metatable.
local function is_of_new(self, value)
    local ownership = self.txn.ownership
    if type(value) == 'function' then
        return ownership:wraps_new(value)
    end
    local meta = debug.getmetatable(value)
    local index = type(meta) == 'table' and rawget(meta, '__index')
    for _, holder in ipairs({value, meta or {}, type(index) == 'table' and index or {}}) do
        local count = 0
        for _, entry in next, holder do
            count = count + 1
            if ownership:is_new(entry) then
                return true
            elseif count > ENTRIES then
                break
            end
        end
    end
    return false
end

function Spaces:rollback(undone)
    each_space(function(name, space, builtin)
        local before = self.before[space]
        if before == nil then
            return
        end
        local now = own_entries(space, builtin)
        for key, value in pairs(now) do
            -- Keep the entries that old code has added since the snapshot.
            if before[key] == nil and is_of_new(self, value)
            or before[key] ~= nil and not rawequal(before[key], value) then
                rawset(space, key, before[key])
                table.insert(undone, ('box.space.%s.%s'):format(name, key))
            end
        end
        for key, value in pairs(before) do
            if now[key] == nil then
                rawset(space, key, value)
                table.insert(undone, ('box.space.%s.%s'):format(name, key))
            end
        end
    end)
end

return {new = new}
