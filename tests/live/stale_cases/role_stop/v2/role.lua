local bus = require('bus')

local counter

local function run()
    return 'v2'
end

local function init()
    bus.set(function()
        return 'handler v2'
    end)
    bus.names.shop = run
    table.insert(bus.list, {name = 'shop', run = run})
    bus.keys[run] = true
    bus.start('shop', run)
    counter = bus.counter('shop')
    rawset(_G, 'count', function()
        counter.value = counter.value + 1
    end)
end

local function stop()
    bus.set(nil)
    bus.names.shop = nil
    for index = #bus.list, 1, -1 do
        if bus.list[index].name == 'shop' then
            table.remove(bus.list, index)
        end
    end
    for f in pairs(bus.keys) do
        bus.keys[f] = nil
    end
    bus.kill('shop')
    bus.unregister(counter)
end

return {
    role_name = 'role',
    init = init,
    stop = stop,
}
