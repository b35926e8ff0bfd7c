-- Formats prices; required by roles.
local settings = require('app.lib.settings')

local VERSION = 1
-- insert: prices_top

local M = {version = VERSION}

function M.format(cents)
    return ('%d.%02d %s'):format(cents / 100, cents % 100, settings.currency)
end

return M
