local shop = require('shop')
local M = {}

function M.show()
    return shop.get()
end

return M
