-- Another role that can reject a config, fail on it, or take long to apply it. The
-- harness controls this with the globals gate_refuse, gate_fail and gate_slow
-- (seconds).

local function say(name)
    local text = rawget(_G, name)
    if text ~= nil then
        error(text, 0)
    end
    return true
end

return {
    role_name = 'gate',
    permanent = true,
    validate_config = function()
        require('fiber').sleep(rawget(_G, 'gate_slow') or 0)
        return say('gate_refuse')
    end,
    apply_config = function()
        -- Fail only once: the previous config is applied again afterwards.
        local once = rawget(_G, 'gate_fail_once')
        rawset(_G, 'gate_fail_once', nil)
        if once ~= nil then
            error(once, 0)
        end
        return say('gate_fail')
    end,
}
