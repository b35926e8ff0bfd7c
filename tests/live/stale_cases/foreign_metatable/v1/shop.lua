local M = {metatable = require('types').metatable('a')}
function M.metatable.__tostring()
    return 'v1'
end
return M
