-- frameworks/detect.lua: which framework an instance has, without compiling those
-- that it cannot have.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('frameworks.detect')

--- Detects the framework of a made-up instance.
-- @tparam string version of the server
-- @tparam ?boolean cartridge whether the rock is loaded
-- @tparam {string=boolean,...} present frameworks that find themselves
-- @treturn string name of the framework
-- @treturn string names of the frameworks that were asked
local function detect(version, cartridge, present)
    local asked, stubs = {}, {}
    for _, name in ipairs({'cartridge', 'config', 'none'}) do
        stubs['frameworks.' .. name] = {detect = function()
            table.insert(asked, name)
            return (present[name] or name == 'none') and name or nil
        end}
    end
    local real = _TARANTOOL
    rawset(_G, '_TARANTOOL', version)
    package.loaded['cartridge'] = cartridge and {} or nil
    local ok, found = pcall(lib.load('frameworks.detect', stubs))
    rawset(_G, '_TARANTOOL', real)
    package.loaded['cartridge'] = nil
    return ok and found, table.concat(asked, ' ')
end

local function check(t, name, want, want_asked, ...)
    local found, asked = detect(...)
    t:is(found, want, name)
    t:is(asked, want_asked, name .. ': asked')
end

case('an instance has one framework', function(t)
    check(t, 'Cartridge', 'cartridge', 'cartridge', '2.11.9-0-g1', true, {cartridge = true})
    check(t, 'before Tarantool 3 there is no config', 'none', 'none', '2.11.9-0-g1', false, {config = true})
    check(t, 'the config of Tarantool 3', 'config', 'config', '3.0.0-0-g1', false, {config = true})
    check(t, 'of a later one', 'config', 'config', '10.1.2', false, {config = true})
    check(t, 'a config without roles', 'none', 'config none', '3.8.0', false, {})
    check(t, 'Cartridge comes before the config', 'cartridge', 'cartridge', '3.8.0', true,
        {cartridge = true, config = true})
    check(t, 'unless it is only loaded', 'config', 'cartridge config', '3.8.0', true, {config = true})
    check(t, 'and nothing else is there', 'none', 'cartridge none', '2.6.0', true, {})
end)

lib.run()
