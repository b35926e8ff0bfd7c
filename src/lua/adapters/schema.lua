--- Adapter: the schema of the database. Spaces, indexes and users that new code
-- makes are there for everybody at once, and on the other instances, so they
-- are not taken back when it fails; they are told.

local Schema = {name = 'schema'}
Schema.__index = Schema

local function new(txn)
    return setmetatable({txn = txn}, Schema)
end

local function version()
    if type(box.cfg) == 'function' then
        return nil
    end
    -- A C function called by ffi, or a plain one, or not there: not public.
    local ok, number = pcall(function()
        return tonumber(box.internal.schema_version())
    end)
    return ok and number or nil
end

function Schema:snapshot()
    self.is_changed = false
end

function Schema.commit()
end

function Schema:before_call()
    self.before = version()
end

function Schema:after_call()
    self.is_changed = self.is_changed or version() ~= self.before
end

function Schema:rollback(_, left)
    if self.is_changed then
        table.insert(left, 'the schema (spaces, indexes, users) was changed while the new code ran')
    end
end

return {new = new}
