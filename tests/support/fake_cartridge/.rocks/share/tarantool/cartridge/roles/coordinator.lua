-- Test stand-in for cartridge.roles.coordinator: a role of Cartridge itself,
-- registered always and enabled only when asked for.

return {
    role_name = 'failover-coordinator',
    init = function() return true end,
    apply_config = function() return true end,
    stop = function() return true end,
}
