local M = {space = box.space.a, store = require('store').new('a')}
function M.space.find()
    return 'find v1'
end
function M.store.find()
    return 'find v1'
end
return M
