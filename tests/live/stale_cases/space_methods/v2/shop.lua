local M = {store = box.space.b}

function M.store.find()
    return 'find v2'
end

function M.store.insert()
    return 'insert v2'
end

return M
