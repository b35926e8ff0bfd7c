--- Adapter: the roles that the config of Tarantool 3 has loaded.
--
-- The config may be reloaded while a transaction runs: that is the serving
-- generation's life, and the new roles get the config it ends with before the
-- commit. New code itself must not reload it, as it would wait for its own end.

local ConfigRoles = {name = 'config roles'}
ConfigRoles.__index = ConfigRoles

--- @tparam table txn the transaction
-- @tparam table config see `platform.config`
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
        if txn.staging and txn.origin:is_new_code() then
            return false, 'config:reload(): instance configuration is already in progress'
        end
        return original(...)
    end
    -- Shadows the method of the class for this one object.
    rawset(config, '_reload_noexc', self.staged)
end

--- Notes the roles of the new generation, in their order.
-- @tparam {table,...} roles
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
