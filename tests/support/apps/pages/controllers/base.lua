-- What controllers share: it is found in their folder only.

local VERSION = 1
-- insert: base_top

local M = {}

function M.decorate(text)
    return ('[%s%d]'):format(text, VERSION)
end

return M
