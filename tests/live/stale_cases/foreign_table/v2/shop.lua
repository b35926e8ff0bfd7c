local M = {space = box.space.b, store = require('store').new('b')}
function M.space.find()
    return 'find v2'
end
function M.store.find()
    return 'find v2'
end
function M.space.insert()
    return "audited"
end
function M.store.put()
    return "audited"
end
return M
