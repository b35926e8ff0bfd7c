local M = {metatable = require('types').metatable('b')}
function M.metatable.__tostring()
    return 'v2'
end
return M
