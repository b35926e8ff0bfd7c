return {
    handlers = {
        order = {
            get = function()
                return 'v2'
            end,
        },
    },
}
