local ffi = require('ffi')
local M = {}

function M.keep(f)
    M.callback = ffi.cast('int (*)(void)', f)
end

return M
