-- Test stand-in for cartridge.twophase, written from its documented and
-- observed behaviour: the two-phase commit of a clusterwide config, on all
-- instances that are not disabled.

local fiber = require('fiber')
local fio = require('fio')
local log = require('log')

local errors = require('errors')

local ClusterwideConfig = require('cartridge.clusterwide-config')
local confapplier = require('cartridge.confapplier')
local pool = require('cartridge.pool')
local topology = require('cartridge.topology')
local vars = require('cartridge.vars').new('cartridge.twophase')

vars:new('locks', {})
vars:new('prepared_config', nil)
vars:new('prepared_config_release_notification', fiber.cond())
vars:new('on_patch_triggers', {})
vars:new('options', {
    netbox_call_timeout = 1,
    upload_config_timeout = 30,
    validate_config_timeout = 10,
    apply_config_timeout = 10,
})

local AtomicCallError = errors.new_class('AtomicCallError')
local PatchClusterwideError = errors.new_class('PatchClusterwideError')
local Prepare2pcError = errors.new_class('Prepare2pcError')
local Commit2pcError = errors.new_class('Commit2pcError')

local READY = {Unconfigured = true, RolesConfigured = true,
    OperationError = true}

local function path_of(name)
    return fio.pathjoin(confapplier.get_workdir(), name)
end

local function release()
    local conf = vars.prepared_config
    vars.prepared_config = nil
    vars.prepared_config_release_notification:broadcast()
    return conf
end

local function prepare_2pc(plaintext)
    local state = confapplier.get_state()
    if not READY[state] then
        return nil, Prepare2pcError:new(
            "Instance state is %s, can't apply config in this state", state)
    end
    local conf, err = ClusterwideConfig.new(plaintext)
    if conf == nil then
        return nil, err
    end
    local ok
    ok, err = confapplier.validate_config(conf:lock())
    if not ok then
        return nil, err
    end
    local path = path_of('config.prepare')
    if vars.prepared_config ~= nil or fio.path.exists(path) then
        return nil, Prepare2pcError:new('Two-phase commit is locked')
    end
    ok, err = ClusterwideConfig.save(conf, path)
    if not ok then
        return nil, err
    end
    vars.prepared_config = conf
    return true
end

local function same_text(a, b)
    local one, two = a:get_plaintext(), b:get_plaintext()
    for section, text in pairs(one) do
        if two[section] ~= text then
            return false
        end
    end
    for section in pairs(two) do
        if one[section] == nil then
            return false
        end
    end
    return true
end

local function commit_2pc()
    Commit2pcError:assert(vars.prepared_config ~= nil,
        "commit isn't prepared")
    local active, backup = path_of('config'), path_of('config.backup')
    ClusterwideConfig.remove(backup)
    if fio.path.exists(active) then
        fio.rename(active, backup)
    end
    fio.rename(path_of('config.prepare'), active)
    local conf = release()

    local state = confapplier.wish_state('RolesConfigured')
    if state == 'Unconfigured' then
        return confapplier.boot_instance(conf)
    elseif state == 'RolesConfigured' or state == 'OperationError' then
        if state == 'RolesConfigured'
            and same_text(conf, confapplier.get_active_config()) then
            log.warn("Clusterwide config didn't change, skipping")
            return true
        end
        return confapplier.apply_config(conf)
    end
    return nil, Commit2pcError:new(
        "Instance state is %s, can't apply config in this state", state)
end

local function abort_2pc()
    ClusterwideConfig.remove(path_of('config.prepare'))
    release()
    return true
end

-- Returns the first error, in the order of the addresses.
local function call_all(name, args, uri_list, timeout)
    local results, errmap = pool.map_call('_G.__cartridge_clusterwide_config_'
        .. name, args, {uri_list = uri_list, timeout = timeout})
    local done, first_error = {}, nil
    for _, uri in ipairs(uri_list) do
        if results[uri] then
            table.insert(done, uri)
        elseif first_error == nil then
            first_error = errmap and errmap.suberrors[uri]
                or Prepare2pcError:new('Unknown error at %s', uri)
            log.error('%s of the config failed at %s: %s', name, uri,
                first_error)
        end
    end
    return done, first_error
end

local function commit_everywhere(plaintext, uri_list)
    local prepared, err = call_all('prepare_2pc', {plaintext}, uri_list,
        vars.options.validate_config_timeout)
    if err ~= nil then
        call_all('abort_2pc', {}, prepared, vars.options.netbox_call_timeout)
        return nil, err
    end
    local _
    _, err = call_all('commit_2pc', {}, uri_list,
        vars.options.apply_config_timeout)
    if err ~= nil then
        return nil, err
    end
    return true
end

local function patch(changes)
    local old = confapplier.get_active_config()
        or ClusterwideConfig.new({}):lock()
    local new, err = old:copy_and_patch(changes)
    if new == nil then
        return nil, err
    end
    for trigger in pairs(vars.on_patch_triggers) do
        trigger(new, old)
    end
    local _
    _, err = new:update_luatables()
    if err ~= nil then
        return nil, err
    end
    local topology_cfg = new:lock():get_readonly('topology')
    if topology_cfg == nil then
        return nil, PatchClusterwideError:new(
            "Current instance isn't bootstrapped yet")
    end
    topology.probe_missing_members(topology_cfg.servers)
    local ok
    ok, err = topology.validate(topology_cfg)
    if not ok then
        return nil, err
    end
    local uri_list, uris = {}, topology.refine_servers_uri(topology_cfg)
    for uuid, server in pairs(topology_cfg.servers) do
        if topology.not_disabled(uuid, server) then
            table.insert(uri_list, uris[uuid])
        end
    end
    table.sort(uri_list)
    return commit_everywhere(new:get_plaintext(), uri_list)
end

local function patch_clusterwide(changes)
    if vars.locks['clusterwide'] == true then
        return nil, AtomicCallError:new(
            'cartridge.patch_clusterwide is already running')
    end
    vars.locks['clusterwide'] = true
    local ok, err = PatchClusterwideError:pcall(patch, changes)
    vars.locks['clusterwide'] = false
    if not ok then
        return nil, err
    end
    return true
end

local function wait_config_release(timeout)
    local deadline = fiber.clock() + (timeout
        or vars.options.apply_config_timeout)
    while vars.prepared_config ~= nil do
        local left = deadline - fiber.clock()
        if left <= 0 then
            return false
        end
        vars.prepared_config_release_notification:wait(left)
    end
    return true
end

local function publish(name, f)
    rawset(_G, '__cartridge_clusterwide_config_' .. name, function(...)
        return errors.pcall('E', f, ...)
    end)
end
publish('prepare_2pc', prepare_2pc)
publish('commit_2pc', commit_2pc)
publish('abort_2pc', abort_2pc)

return {
    VERSION = 2,
    patch_clusterwide = patch_clusterwide,
    wait_config_release = wait_config_release,
    on_patch = function(new, old)
        if old ~= nil then
            vars.on_patch_triggers[old] = nil
        end
        if new ~= nil then
            vars.on_patch_triggers[new] = true
        end
        return new
    end,
}
