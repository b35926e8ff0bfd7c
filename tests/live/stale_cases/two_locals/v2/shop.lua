local M = {}

do
    local function get()
        return 'stock v2'
    end

    function M.stock()
        return get
    end
end

do
    local function get()
        return 'price v2'
    end

    function M.price()
        return get
    end
end

return M
