local M = {}

function M.keep(role)
    function M.show()
        return role.get()
    end
end

return M
