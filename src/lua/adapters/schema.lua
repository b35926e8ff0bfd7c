--- Adapter: the schema of the database. Spaces, indexes and users that new code
-- makes are there for everybody at once, and on the other instances, so they
-- are not taken back when it fails; they are told.

local Schema = {name = 'schema'}
Schema.__index = Schema

local function new(txn)
    return setmetatable({txn = txn}, Schema)
end

local function version()
    local internal = type(box.internal) == 'table' and box.internal.schema_version
    if type(internal) == 'function' and type(box.cfg) ~= 'function' then
        return internal()
    end
    return nil
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
