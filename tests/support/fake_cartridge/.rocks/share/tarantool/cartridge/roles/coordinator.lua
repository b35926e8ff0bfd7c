-- Test stand-in for cartridge.roles.coordinator: a role of Cartridge that is
-- always registered, and enabled only on request.

return {
    role_name = 'failover-coordinator',
    init = function() return true end,
    apply_config = function() return true end,
    stop = function() return true end,
}
