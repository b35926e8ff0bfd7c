-- Test stand-in for membership.options: what Cartridge and its users set. As in the
-- rock, the values survive a reload of the module.

local options = rawget(_G, '__membership_options')
if options == nil then
    options = {
        PROTOCOL_PERIOD_SECONDS = 1,
        SUSPECT_TIMEOUT_SECONDS = 3,
        SUSPICIOUSNESS = true,
    }
    rawset(_G, '__membership_options', options)
end

return options
