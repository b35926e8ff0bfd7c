-- Shared code of the controllers; it can only be found in their folder.

local VERSION = 1
-- insert: base_top

local M = {}

function M.decorate(text)
    return ('[%s%d]'):format(text, VERSION)
end

return M
