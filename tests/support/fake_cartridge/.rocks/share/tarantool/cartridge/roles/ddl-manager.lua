-- Test stand-in for cartridge.roles.ddl-manager: a permanent role of Cartridge,
-- in a file below .rocks.

return {
    role_name = 'ddl-manager',
    permanent = true,
    init = function() return true end,
    validate_config = function() return true end,
    apply_config = function() return true end,
    stop = function() return true end,
}
