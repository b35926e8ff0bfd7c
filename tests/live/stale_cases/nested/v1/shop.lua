return {
    handlers = {
        order = {
            get = function()
                return 'v1'
            end,
        },
    },
}
