return {
    role_name = 'role',
    get = function()
        return 'v2'
    end,
}
