return {
    limit = 'v2',
    get = function()
        return 'v2'
    end,
}
