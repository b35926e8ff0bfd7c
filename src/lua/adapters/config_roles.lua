--- Adapter: the roles that the config of Tarantool 3 loads.
--
-- Serving code may reload the config while a transaction runs. So the new roles get the
-- latest config before the commit. If new code itself reloads the config, the call
-- fails. Otherwise it would deadlock: the call would wait for the transaction, which
-- waits for the new code.

local ConfigRoles = {name = 'config roles'}
ConfigRoles.__index = ConfigRoles

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table config as returned by `platform.config.detect`
local function new(txn, config)
    return setmetatable({txn = txn, config = config}, ConfigRoles)
end

function ConfigRoles.snapshot()
end

function ConfigRoles:stage()
    local txn, config = self.txn, self.config.config
    local original = config._reload_noexc
    self.before = rawget(config, '_reload_noexc')
    self.staged = function(...)
        if txn.staging and txn.ownership:is_new_code() then
            return false, 'config:reload(): instance configuration is already in progress'
        end
        return original(...)
    end
    -- `config:reload()` calls `_reload_noexc`. Override `_reload_noexc` in the `config`
    -- object only, not in its class.
    rawset(config, '_reload_noexc', self.staged)
end

--- Records the roles of the new generation.
-- @tparam {table,...} roles {role_name, M = the role}, in the order in which they are
--   applied
function ConfigRoles:prepare(roles)
    self.loaded, self.order = {}, {}
    for _, role in ipairs(roles) do
        self.loaded[role.role_name] = role.M
        table.insert(self.order, role.role_name)
    end
end

local function unstage(self)
    local config = self.config.config
    if rawget(config, '_reload_noexc') == self.staged then
        rawset(config, '_reload_noexc', self.before)
    end
end

function ConfigRoles:commit()
    unstage(self)
    self.config:set_roles(self.loaded, self.order)
end

function ConfigRoles:rollback()
    unstage(self)
end

return {new = new}
