local ffi = require('ffi')
local shop = require('shop')

ffi.cdef('struct corpus_point { int x; }; struct corpus_line { int x; };')

local M = {
    point = ffi.metatype('struct corpus_point', {__index = {norm = shop.norm}}),
    line = ffi.metatype('struct corpus_line', {__index = shop.index}),
}

function M.norm(point, count)
    local result
    for _ = 1, count do
        result = point:norm()
    end
    return result
end

return M
