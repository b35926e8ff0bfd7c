return {
    bind = function(object)
        return function()
            return object.limit
        end
    end,
}
