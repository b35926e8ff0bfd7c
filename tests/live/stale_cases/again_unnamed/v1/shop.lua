local bus = require('bus')

local function hello()
    return 'v1'
end

bus.add(hello)
bus.add(function()
    return 'anonymous v1'
end)
bus.add_record('first', hello)
bus.add_record('second', function()
    return 'record v1'
end)
for number = 1, 2 do
    bus.add_by_id(function()
        return number .. ' of v1'
    end)
end
bus.add_key(hello)
bus.wrap(function()
    return '<v1'
end)
bus.wrap(function()
    return 'v1>'
end)

return {}
