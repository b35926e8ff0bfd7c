-- A controller that is requested late.

local VERSION = 1
-- insert: rare_top

return {
    text = function(req)
        return req:render({text = 'rare v' .. VERSION})
    end,
}
