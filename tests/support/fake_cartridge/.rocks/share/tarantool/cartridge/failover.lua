-- Test stand-in for cartridge.failover, written from its documented and
-- observed behaviour in the modes "disabled", where the leader is the first
-- instance of the replicaset's list, and "eventual", where it is the first one
-- that is well.  A change of the leader configures the running services again,
-- in the state ConfiguringRoles.

local fiber = require('fiber')
local log = require('log')

local errors = require('errors')
local membership = require('membership')

local registry = require('cartridge.service-registry')
local topology = require('cartridge.topology')
local vars = require('cartridge.vars').new('cartridge.failover')

vars:new('mode')
vars:new('all_roles')
vars:new('instance_uuid')
vars:new('replicaset_uuid')
vars:new('membership_notification', membership.subscribe())
vars:new('clusterwide_config')
vars:new('failover_fiber')
vars:new('failover_paused', false)
vars:new('schedule', {})
vars:new('cache', {
    active_leaders = {},
    is_vclockkeeper = false,
    is_leader = false,
    is_rw = false,
})

local ApplyConfigError = errors.new_class('ApplyConfigError')
local ValidateConfigError = errors.new_class('ValidateConfigError')
local FailoverError = errors.new_class('FailoverError')

local GOOD = {ConfiguringRoles = true, RolesConfigured = true}

local function is_well(uuid, uri)
    local member = membership.get_member(uri)
    return member ~= nil
        and (member.status == 'alive' or member.status == 'suspect')
        and member.payload.uuid == uuid and GOOD[member.payload.state]
end

local function appoint(topology_cfg, mode)
    local leaders = {}
    for replicaset_uuid in pairs(topology_cfg.replicasets) do
        local order = topology.get_leaders_order(topology_cfg, replicaset_uuid,
            nil, {only_enabled = true})
        leaders[replicaset_uuid] = order[1]
        for _, uuid in ipairs(mode == 'eventual' and order or {}) do
            if is_well(uuid, topology_cfg.servers[uuid].uri) then
                leaders[replicaset_uuid] = uuid
                break
            end
        end
    end
    return leaders
end

-- Sets the leaders; returns whether they have changed.
local function accept_leaders(leaders)
    local changed = false
    for uuid, leader in pairs(leaders) do
        changed = changed or vars.cache.active_leaders[uuid] ~= leader
    end
    vars.cache.active_leaders = leaders
    membership.set_payload('leader_uuid', leaders[vars.replicaset_uuid])
    return changed
end

local function constitute_oneself(active_leaders)
    local topology_cfg = vars.clusterwide_config:get_readonly('topology')
    local mine = topology_cfg.replicasets[vars.replicaset_uuid]
    local leads = active_leaders[vars.replicaset_uuid] == vars.instance_uuid
    vars.cache.is_leader = leads
    vars.cache.is_rw = leads or mine.all_rw
end

local function configure(service, conf)
    if service == nil or type(service.apply_config) ~= 'function' then
        return true
    end
    if type(service.validate_config) == 'function' then
        local ok, err = ValidateConfigError:pcall(service.validate_config,
            conf, conf)
        if not ok then
            return nil, err or ValidateConfigError:new(
                'validate_config() returned %s', tostring(ok))
        end
    end
    return ApplyConfigError:pcall(service.apply_config, conf,
        {is_master = vars.cache.is_leader})
end

local function call_services(method, ...)
    for _, role_name in ipairs(vars.all_roles) do
        local service = registry.get(role_name)
        local f = service and service[method]
        if type(f) == 'function' then
            local _, err = ApplyConfigError:pcall(f, ...)
            if err ~= nil then
                log.error('%s', err)
            end
        end
    end
end

-- Reconfigures the instance after a change of leaders.
local function reconfigure_all(active_leaders)
    local confapplier = require('cartridge.confapplier')
    constitute_oneself(active_leaders)
    local state = confapplier.wish_state('RolesConfigured', math.huge)
    fiber.testcancel()
    if state ~= 'RolesConfigured' then
        log.info('Skipping failover step - state is %s', state)
        return
    end

    fiber.self().storage.is_busy = true
    confapplier.set_state('ConfiguringRoles')
    local ok, err = FailoverError:pcall(function()
        local conf = vars.clusterwide_config:get_readonly()
        local outcome = 'RolesConfigured'
        box.cfg({read_only = not vars.cache.is_rw})
        call_services('before_apply_config', conf)
        for _, role_name in ipairs(vars.all_roles) do
            local _, reason = configure(registry.get(role_name), conf)
            if reason ~= nil then
                log.error('%s', reason)
                outcome = 'OperationError'
            end
        end
        call_services('on_apply_config', conf, outcome)
        return true
    end)
    if not ok then
        log.warn('Failover step failed: %s', err)
    end
    confapplier.set_state('RolesConfigured')
end

-- Cancels a step that has not started yet in favour of the next one.
local function schedule()
    for id, task in pairs(vars.schedule) do
        if task:status() == 'dead' or not task.storage.is_busy then
            pcall(task.cancel, task)
            vars.schedule[id] = nil
        end
    end
    local task = fiber.new(reconfigure_all, vars.cache.active_leaders)
    task:name('cartridge.failover.task')
    vars.schedule[task:id()] = task
end

local function watch(topology_cfg)
    while true do
        vars.membership_notification:wait()
        fiber.testcancel()
        if accept_leaders(appoint(topology_cfg, 'eventual')) then
            schedule()
        end
    end
end

local function cfg(clusterwide_config)
    local confapplier = require('cartridge.confapplier')
    if vars.failover_fiber ~= nil
        and vars.failover_fiber:status() ~= 'dead' then
        vars.failover_fiber:cancel()
    end
    vars.failover_fiber = nil
    vars.clusterwide_config = clusterwide_config
    vars.instance_uuid = confapplier.get_instance_uuid()
    vars.replicaset_uuid = confapplier.get_replicaset_uuid()
    vars.all_roles = require('cartridge.roles').get_all_roles()

    local topology_cfg = clusterwide_config:get_readonly('topology')
    local params = topology.get_failover_params(topology_cfg)
    vars.mode = params.mode
    accept_leaders(appoint(topology_cfg, vars.mode))
    if vars.mode == 'eventual' then
        vars.failover_fiber = fiber.new(watch, topology_cfg)
        vars.failover_fiber:name('cartridge.eventual-failover')
    end
    require('membership.options').SUSPECT_TIMEOUT_SECONDS =
        params.failover_timeout
    constitute_oneself(vars.cache.active_leaders)
    box.cfg({read_only = not vars.cache.is_rw})
    return true
end

return {
    cfg = cfg,
    -- Not exported by Cartridge, but its fibers call it by this name.
    reconfigure_all = reconfigure_all,
    get_active_leaders = function() return vars.cache.active_leaders end,
    is_leader = function() return vars.cache.is_leader end,
    is_rw = function() return vars.cache.is_rw end,
    is_vclockkeeper = function() return vars.cache.is_vclockkeeper end,
    is_paused = function() return vars.failover_paused end,
    mode = function() return vars.mode end,
}
