local M = {}

function M.open(owner)
    local account = {}

    function account.title()
        return owner .. ' v1'
    end

    return account
end

return M
