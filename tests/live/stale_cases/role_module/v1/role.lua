return {
    role_name = 'role',
    get = function()
        return 'v1'
    end,
}
