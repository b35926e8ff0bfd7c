local fiber = require('fiber')
local M = {}
local service = rawget(_G, 'service')
local info, create, load = service.info, fiber.create, require

local function note(name)
    rawset(_G, name, (rawget(_G, name) or '') .. ' v1')
end

function service.info()
    return 'v1 ' .. info()
end

function fiber.create(...)
    note('made')
    return create(...)
end

rawset(_G, 'require', function(...)
    note('asked')
    return load(...)
end)

return M
