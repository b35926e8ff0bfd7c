--- Reads the state of Cartridge, and changes nothing.
--
-- Cartridge keeps the variables of its modules in the global table
-- `_cluster_vars_values`, by module name. State without a public getter is read from
-- this table. The table's layout is the same in Cartridge 2.4 to 2.17.

local require = ...

local Cartridge = {}
Cartridge.__index = Cartridge

--- Returns the variables of a Cartridge module.
-- @treturn table empty if the module has no variables
local function vars(module_name)
    local values = rawget(_G, '_cluster_vars_values')
    return type(values) == 'table' and values[module_name] or {}
end

--- Returns an object whose methods query the Cartridge that runs in this instance.
-- @treturn ?table nil if the instance does not run Cartridge
local function detect()
    local confapplier = package.loaded['cartridge.confapplier']
    if package.loaded['cartridge'] == nil or type(confapplier) ~= 'table' then
        return nil
    end
    -- Tarantool 3's feedback daemon may load Cartridge without using it. If `box.cfg`
    -- has been called but Cartridge is still in its initial state, it is not in use.
    local ok, state = pcall(confapplier.get_state)
    if ok and state == '' and type(box.cfg) == 'table' then
        return nil
    end
    return setmetatable({
        confapplier = confapplier,
        failover = package.loaded['cartridge.failover'],
        roles = package.loaded['cartridge.roles'],
    }, Cartridge)
end

function Cartridge.vars(_, module_name)
    return vars(module_name)
end

--- Returns the version of Cartridge.
-- @treturn string "unknown" if Cartridge does not provide its version
function Cartridge.version()
    local main = package.loaded['cartridge']
    local version = type(main) == 'table' and main.VERSION or package.loaded['cartridge.VERSION']
    return type(version) == 'string' and version or 'unknown'
end

--- Returns the current state of Cartridge's state machine, such as `RolesConfigured`.
-- @treturn string
-- @return the error that caused this state, or nil
function Cartridge:state()
    return self.confapplier.get_state()
end

--- Returns the alias of this instance.
-- @treturn ?string nil if unknown
function Cartridge.alias()
    local membership = package.loaded['membership']
    local ok, myself = pcall(function()
        return membership.myself().payload.alias
    end)
    return ok and type(myself) == 'string' and myself or nil
end

--- Returns the URI at which other instances reach this instance.
-- @treturn ?string nil if unknown
function Cartridge.uri()
    local ok, uri = pcall(function()
        return package.loaded['membership'].myself().uri
    end)
    return ok and type(uri) == 'string' and uri or nil
end

--- Returns whether Cartridge considers the cluster healthy.
-- @treturn ?boolean nil if the health check is missing or throws
function Cartridge.is_healthy()
    local ok, result = pcall(function()
        return package.loaded['cartridge'].is_healthy() and true or false
    end)
    if ok then
        return result
    end
    return nil
end

--- Describes the unhealthy instances of the cluster.
-- @treturn {string,...} alias, URI and problem of each; empty if unknown
function Cartridge:unhealthy()
    local reasons = {}
    for _, other in ipairs(self:instances() or {}) do
        if not other.expelled and not other.disabled then
            -- The `membership` rock reports `suspect` for an instance that may still be
            -- alive.
            local is_up = other.health == 'alive' or other.health == 'suspect'
            local what = not is_up and tostring(other.health)
                or other.state ~= 'RolesConfigured' and ('in state %s'):format(tostring(other.state))
            if what then
                table.insert(reasons, ('%s (%s): %s'):format(tostring(other.alias), tostring(other.uri), what))
            end
        end
    end
    return reasons
end

--- Returns a connection to another instance. The connection belongs to Cartridge's pool,
-- so the caller must not close it. Yields.
-- @tparam string uri
-- @tparam number seconds time limit for connecting
-- @treturn[1] net.box connection
-- @treturn[2] nil
-- @treturn[2] string why there is no connection
function Cartridge.connect(uri, seconds)
    local ok, conn, err = pcall(function()
        return require('cartridge.pool').connect(uri, {wait_connected = seconds})
    end)
    if not ok then
        return nil, tostring(conn)
    elseif conn == nil then
        return nil, tostring(type(err) == 'table' and err.err or err)
    end
    return conn
end

--- Returns a map from the UUID of each replica set to the UUID of its leader.
local function leaders(self)
    local ok, result = pcall(function()
        return self.failover.get_active_leaders()
    end)
    return ok and type(result) == 'table' and result or {}
end

local function role_of(self, uuid, replicaset)
    return leaders(self)[replicaset] == uuid and 'leader' or 'follower'
end

--- Returns the UUID of this instance's replica set.
local function replicaset_uuid()
    -- In Tarantool 3, `box.info.cluster` describes the whole cluster, not the replica
    -- set.
    return (box.info.replicaset or box.info.cluster).uuid
end

--- Returns this instance's replica set, and whether the instance leads it.
-- @treturn ?string UUID; nil if `box.cfg` has not been called yet
-- @treturn ?string `leader` or `follower`
function Cartridge:place()
    if type(box.cfg) ~= 'table' then
        return nil
    end
    local replicaset = replicaset_uuid()
    return replicaset, role_of(self, box.info.uuid, replicaset)
end

--- Lists all instances of the cluster, sorted by alias.
-- @treturn[1] {table,...} {uuid, uri, alias, replicaset, role, state, health, disabled,
--   expelled}; for an expelled instance, only the UUID is known, and `alias` is set to it
-- @treturn[2] nil
-- @treturn[2] string why the instances are unknown
function Cartridge:instances()
    local conf = self:active_config()
    local topology = conf and self:config_tables().topology
    if type(topology) ~= 'table' or type(topology.servers) ~= 'table' then
        return nil, 'the instance has not joined a cluster yet'
    end
    local ok, uris = pcall(function()
        return package.loaded['cartridge.topology'].refine_servers_uri(topology)
    end)
    local membership = package.loaded['membership']
    local list = {}
    for uuid, server in pairs(topology.servers) do
        if type(server) ~= 'table' then
            table.insert(list, {uuid = uuid, alias = uuid, expelled = true, disabled = false})
        else
            local uri = ok and uris[uuid] or server.uri
            local known, member = pcall(function()
                return membership.get_member(uri)
            end)
            member = known and member or {}
            local payload = member.payload or {}
            table.insert(list, {
                uuid = uuid,
                uri = uri,
                alias = payload.alias or uri,
                replicaset = server.replicaset_uuid,
                role = role_of(self, uuid, server.replicaset_uuid),
                state = payload.state,
                health = member.status or 'unknown',
                disabled = server.disabled == true,
                expelled = false,
            })
        end
    end
    table.sort(list, function(a, b)
        return a.alias == b.alias and a.uuid < b.uuid or a.alias < b.alias
    end)
    return list
end

function Cartridge:is_master()
    return self.failover.is_leader() and true or false
end

--- Returns the applied cluster-wide config. Cartridge creates a new object for each
-- change.
function Cartridge:active_config()
    return self.confapplier.get_active_config()
end

function Cartridge:config_tables()
    return self:active_config():get_readonly()
end

--- Returns whether the cluster-wide config has a section with the given name.
function Cartridge.has_section(name)
    local ok, text = pcall(function()
        return detect():active_config():get_plaintext(name)
    end)
    return ok and text ~= nil
end

--- Returns Cartridge's service registry, which maps names to role modules and services.
function Cartridge.services()
    return vars('cartridge.service-registry').registry
end

--- Checks whether Cartridge has all internals that a reload replaces.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what is missing
function Cartridge:is_understood()
    local registry = vars('cartridge.roles')
    for _, field in ipairs({'roles_by_number', 'roles_by_role_name', 'roles_by_module_name', 'module_names'}) do
        if type(registry[field]) ~= 'table' then
            return nil, 'cartridge.roles has no ' .. field
        end
    end
    if type(self.services()) ~= 'table' then
        return nil, 'cartridge.service-registry has no table of services'
    end
    if type(self.failover) ~= 'table' or type(self.failover.is_leader) ~= 'function' then
        return nil, 'cartridge.failover has no is_leader'
    end
    return true
end

-- Temporary states of Cartridge. A command that is refused in one of them may succeed
-- later.
local PASSING = {
    [''] = true,
    ConfigFound = true,
    ConfigLoaded = true,
    BootstrappingBox = true,
    RecoveringSnapshot = true,
    ConnectingFullmesh = true,
    BoxConfigured = true,
    ConfiguringRoles = true,
    ReloadingRoles = true,
}

--- Returns why this instance cannot be reloaded now.
-- @treturn ?table fields of a failure; nil if a reload is possible
function Cartridge:refusal()
    local state, err = self:state()
    if state ~= 'RolesConfigured' then
        local message = ('Cartridge is in state %q, not RolesConfigured'):format(tostring(state))
        if err ~= nil then
            message = message .. ': ' .. require('core.failure').describe(err)
        end
        return {code = 'bad_state', message = message, transient = PASSING[state]}
    end
    if vars('cartridge.roles').pause == true then
        return {code = 'forbidden', message = 'the application forbids reloads (forbid_reload was called)'}
    end
    if vars('cartridge.twophase').prepared_config ~= nil then
        return {
            code = 'config_locked',
            message = 'a change to the cluster-wide config is being applied',
            transient = true,
        }
    end
    local ok, what = self:is_understood()
    if not ok then
        return {
            code = 'unsupported',
            message = ('unsupported Cartridge version %s: %s'):format(self.version(), what),
        }
    end
    return nil
end

return {
    PASSING = PASSING,
    connect = Cartridge.connect,
    detect = detect,
    has_section = Cartridge.has_section,
    replicaset = replicaset_uuid,
    vars = vars,
}
