-- platform/cartridge.lua: access to Cartridge.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.cartridge')

lib.box()

local cartridge_lib = lib.load('platform.cartridge')

--- A fake Cartridge with only the fields that the module reads.
local function fake(state, values)
    local names = {'cartridge', 'cartridge.confapplier', 'cartridge.failover', 'cartridge.roles'}
    lib.defer(function()
        for _, name in ipairs(names) do
            package.loaded[name] = nil
        end
        rawset(_G, '_cluster_vars_values', nil)
    end)
    package.loaded['cartridge'] = {VERSION = '2.17.0'}
    package.loaded['cartridge.confapplier'] = {get_state = function() return unpack(state) end}
    package.loaded['cartridge.failover'] = {is_leader = function() return 1 end}
    package.loaded['cartridge.roles'] = {}
    rawset(_G, '_cluster_vars_values', values)
    return cartridge_lib.detect()
end

local function good_values()
    return {
        ['cartridge.roles'] = {
            roles_by_number = {}, roles_by_role_name = {}, roles_by_module_name = {}, module_names = {},
        },
        ['cartridge.service-registry'] = {registry = {}},
        ['cartridge.twophase'] = {},
    }
end

case('without Cartridge nothing is found', function(t)
    t:is(cartridge_lib.detect(), nil, 'none')
    package.loaded['cartridge'] = {}
    t:is(cartridge_lib.detect(), nil, 'loaded, but nothing of it')
    package.loaded['cartridge'] = nil
end)

case('Cartridge that was not started does not count when box is running', function(t)
    t:is(fake({''}, good_values()), nil, 'loaded only')
    t:ok(fake({'Unconfigured'}, good_values()), 'started')
    local cfg = box.cfg
    lib.defer(function() box.cfg = cfg end)
    box.cfg = function() end
    t:is(fake({''}, good_values()):refusal().transient, true, 'it may be about to start')
end)

case('a configured instance is accepted', function(t)
    local cartridge = fake({'RolesConfigured'}, good_values())
    t:is(cartridge:refusal(), nil, 'no reason')
    t:is(cartridge.version(), '2.17.0', 'version')
    t:is(cartridge:is_master(), true, 'leader, as a boolean')
    t:is(cartridge.alias(), nil, 'no membership, no alias')
end)

case('transitional states are transient refusals, others are not', function(t)
    for state, transient in pairs({
        ConfiguringRoles = true, BoxConfigured = true,
        Unconfigured = false, OperationError = false, InitError = false, BootError = false, ReloadError = false,
        SomethingNew = false,
    }) do
        local why = fake({state, {err = 'because'}}, good_values()):refusal()
        t:is(why.code, 'bad_state', state)
        t:is(why.transient or false, transient, 'transient')
        t:like(why.message, 'because', 'with the error')
    end
end)

case('a config change, a banned instance and an unknown layout are refused', function(t)
    local values = good_values()
    values['cartridge.twophase'].prepared_config = {}
    local why = fake({'RolesConfigured'}, values):refusal()
    t:is(why.code, 'config_locked', 'a change')
    t:ok(why.transient, 'which passes')
    values = good_values()
    values['cartridge.roles'].pause = true
    t:is(fake({'RolesConfigured'}, values):refusal().code, 'forbidden', 'forbid_reload')
    for _, name in ipairs({'cartridge.roles', 'cartridge.service-registry'}) do
        values = good_values()
        values[name] = {}
        t:is(fake({'RolesConfigured'}, values):refusal().code, 'unsupported', 'no ' .. name)
        values[name] = nil
        t:is(fake({'RolesConfigured'}, values):refusal().code, 'unsupported', 'none of ' .. name)
    end
    t:is(fake({'RolesConfigured'}, nil):refusal().code, 'unsupported', 'no variables at all')
end)

lib.run()
