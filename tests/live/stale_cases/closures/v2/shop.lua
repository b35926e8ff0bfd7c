local M = {}

function M.open(owner)
    local account = {}

    function account.title()
        return owner .. ' v2'
    end

    return account
end

return M
