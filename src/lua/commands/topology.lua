--- Command `topology`: lists the instances of the cluster to which this instance
-- belongs.

local require = ...
local cartridge_lib = require('platform.cartridge')
local clock = require('clock')
local config_lib = require('platform.config')
local deadline = require('core.deadline')
local fiber = require('fiber')
local instance = require('commands.common.instance')
local request = require('commands.common.request')

-- Common time limit for the answers from all other instances, in seconds.
local PATIENCE = 2

-- Lua code that runs on another instance. It returns the status that the other
-- instance's config gives to the asking instance: `enabled`, `disabled`, `expelled` or
-- `unknown`. It returns nil if the other instance has no config.
local FAR_END = [[
    local topology = require('cartridge').config_get_readonly('topology')
    if type(topology) ~= 'table' or type(topology.servers) ~= 'table' then
        return nil
    end
    local server = topology.servers[...]
    if type(server) ~= 'table' then
        return server == nil and 'unknown' or 'expelled'
    end
    return server.disabled == true and 'disabled' or 'enabled'
]]

local function ask(uri, uuid, until_time)
    local conn = cartridge_lib.connect(uri, until_time - clock.monotonic())
    if conn == nil then
        return nil
    end
    local ok, word = pcall(conn.eval, conn, FAR_END, {uuid}, {timeout = until_time - clock.monotonic()})
    return ok and word or nil
end

--- Looks for another instance whose config does not list this instance as enabled. A
-- disabled or expelled instance gets no config changes, so it still counts as enabled
-- in its own, outdated config. Yields.
-- @treturn ?table {word, from}. `word` is `disabled`, `expelled` or `unknown`. `from`
--   is the alias of the other instance.
local function objection(instances, uuid, limit)
    local until_time, fibers, found = clock.monotonic() + limit, {}, nil
    for _, other in ipairs(instances) do
        if other.uuid ~= uuid and not other.expelled and not other.disabled and other.health == 'alive' then
            local f = fiber.new(function()
                local word = ask(other.uri, uuid, until_time)
                if type(word) == 'string' and word ~= 'enabled' then
                    found = {word = word, from = other.alias}
                end
            end)
            f:name('cartridge-reload', {truncate = true})
            f:set_joinable(true)
            table.insert(fibers, f)
        end
    end
    for _, f in ipairs(fibers) do
        f:join()
    end
    return found
end

--- Returns the UUIDs of the instances whose names are in `box.info.replication`.
-- @treturn table name -> UUID
local function uuids_by_name()
    local uuids = {}
    for _, replica in pairs(box.info.replication) do
        if replica.name ~= nil then
            uuids[replica.name] = replica.uuid
        end
    end
    return uuids
end

--- Reports the cluster as described by the config of Tarantool 3. Instances with such a
-- config cannot relay requests, so the client connects to each one itself. This
-- instance does not know which instances are leaders, because each reports that only in
-- its own status.
-- @treturn table report
local function config_topology(config)
    local instances, why = config:instances()
    if instances == nil then
        return request.refused({code = 'no_topology', message = why})
    end
    local report = instance.describe('ok')
    local uuids = uuids_by_name()
    for _, one in ipairs(instances) do
        one.uuid = one.alias == config:instance_name() and report.uuid or uuids[one.alias]
    end
    report.topology = {entry = report.uuid, instances = instances, direct = true}
    return report
end

return function(args)
    local cartridge = cartridge_lib.detect()
    local config = cartridge == nil and config_lib.detect()
    if config and instance.is_configured() then
        return config_topology(config)
    elseif cartridge == nil then
        return request.refused({
            code = 'no_cartridge',
            message = 'the instance does not belong to a cluster: it uses neither Cartridge nor a Tarantool 3 config',
        })
    end
    local instances, why = cartridge:instances()
    if instances == nil then
        return request.refused({code = 'no_topology', message = why})
    end
    local report = instance.describe('ok')
    local left = deadline.of(args) - clock.monotonic()
    local other = objection(instances, report.uuid, math.min(PATIENCE, left / 2))
    if other ~= nil then
        return request.refused({
            code = 'old_topology',
            message = ('this instance has an outdated view of the cluster: according to %s, this instance '
                .. 'is %s; use another instance')
                :format(other.from, other.word),
        })
    end
    report.topology = {entry = report.uuid, instances = instances}
    return report
end
