--- Adapter: the database schema. Spaces, indexes and users that new code creates are
-- visible to all code at once, and are replicated to other instances. So a rollback
-- reports them, but does not remove them.
--
-- Other code, or the leader through replication, may also change the schema during a
-- reload. Triggers on the system spaces distinguish changes by new code from all
-- others, because a trigger runs in the fiber that makes the change.
--
-- After the commit, the `stop` of an old role cannot drop spaces or other objects,
-- because new roles may already use them. An attempt to do so only adds a warning.

local require = ...
local log = require('log')
local msgpack = require('msgpack')

local Schema = {name = 'schema'}
Schema.__index = Schema

-- The system spaces that hold the schema. Not every server has all of them.
local SPACES = {
    '_space', '_index', '_trigger', '_sequence', '_space_sequence', '_func', '_func_index', '_user', '_priv',
    '_collation', '_fk_constraint', '_ck_constraint',
}

-- Kinds of objects that can be dropped, as named in `box.schema`.
local KINDS = {'space', 'index', 'sequence', 'func', 'user', 'role'}

local function new(txn)
    return setmetatable({txn = txn, triggers = {}}, Schema)
end

function Schema:snapshot()
    self.is_changed = false
end

--- Returns whether a schema change has no effect, such as a call to `space:format()`
-- with the current format.
local function is_same(before, after)
    return before ~= nil and after ~= nil and msgpack.encode(before) == msgpack.encode(after)
end

--- Records that new code has changed the schema, once the database transaction that
-- contains the change is committed.
function Schema:note(before, after)
    if not (self.txn.staging and self.txn.ownership:is_asking()) or is_same(before, after) then
        return
    end
    local function count()
        self.is_changed = true
    end
    if not pcall(box.on_commit, count) then
        count()
    end
end

function Schema:stage()
    for _, name in ipairs(type(box.cfg) ~= 'function' and SPACES or {}) do
        local space = box.space[name]
        local function trigger(before, after)
            local ok, err = pcall(self.note, self, before, after)
            if not ok then
                log.error('cartridge-reload: failed to record a schema change: %s', tostring(err))
            end
        end
        if space ~= nil and pcall(space.on_replace, space, trigger) then
            table.insert(self.triggers, {space = space, trigger = trigger})
        end
    end
end

local function unstage(self)
    for _, item in ipairs(self.triggers) do
        pcall(item.space.on_replace, item.space, nil, item.trigger)
    end
    self.triggers = {}
end

function Schema:commit()
    unstage(self)
end

local function name_of(kind, id)
    local space = kind == 'space' and box.space[id]
    return space and space.name or tostring(id)
end

--- After the commit, prevents the `stop` of old roles from dropping schema objects, such
-- as spaces.
-- @treturn function () restores the original functions
function Schema:guard()
    local txn, wrapped = self.txn, {}
    for _, kind in ipairs(txn.committed and KINDS or {}) do
        local holder = type(box.schema) == 'table' and box.schema[kind]
        local drop = type(holder) == 'table' and rawget(holder, 'drop')
        if type(drop) == 'function' then
            local function staged(id, ...)
                if not txn.ownership:is_stopping() then
                    return drop(id, ...)
                end
                table.insert(txn.warnings, ("%s %s was kept although an old role's stop() tried to drop it: "
                    .. 'the new role may use it'):format(kind, name_of(kind, id)))
                return nil
            end
            holder.drop = staged
            table.insert(wrapped, {holder = holder, drop = drop, staged = staged})
        end
    end
    return function()
        for _, item in ipairs(wrapped) do
            if item.holder.drop == item.staged then
                item.holder.drop = item.drop
            end
        end
    end
end

function Schema:rollback(_, left)
    unstage(self)
    if self.is_changed then
        table.insert(left, 'the new code changed the schema (spaces, indexes, users)')
    end
end

return {new = new}
