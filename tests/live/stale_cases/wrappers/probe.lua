-- How many layers there are, and whether something of the reload is among them.
local fiber = require('fiber')
rawset(_G, 'made', '')
rawset(_G, 'asked', '')
fiber.create(function() end)
require('fiber')
for _, f in ipairs({fiber.create, rawget(_G, 'require')}) do
    for i = 1, 60 do
        local _, value = debug.getupvalue(f, i)
        if type(value) == 'function' and debug.getinfo(value, 'S').source:find('@cartridge-reload/', 1, true) then
            return 'something is left of the reload'
        end
    end
end
return 'info ' .. rawget(_G, 'service').info(), 'create' .. rawget(_G, 'made'), 'require' .. rawget(_G, 'asked')
