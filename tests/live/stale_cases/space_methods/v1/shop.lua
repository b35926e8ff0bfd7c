local M = {store = box.space.a}

function M.store.find()
    return 'find v1'
end

return M
