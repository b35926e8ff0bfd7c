return {
    limit = 'v1',
    get = function()
        return 'v1'
    end,
}
