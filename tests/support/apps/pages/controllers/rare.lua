-- A controller that is asked for late.

local VERSION = 1
-- insert: rare_top

return {
    text = function(req)
        return req:render({text = 'rare v' .. VERSION})
    end,
}
