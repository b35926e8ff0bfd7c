local bus = require('bus')

local function copy(f)
    return loadstring(string.dump(f))
end

bus.new = copy(function()
    return 'v2'
end)
bus.first = bus.first or copy(function()
    return 'v2'
end)

return {}
