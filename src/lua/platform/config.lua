--- Facts on the config of Tarantool 3, which gives an instance its roles.

--- The built-in module `config`. An application of an older server may have a
-- module of that name.
-- @treturn ?table
local function builtin()
    -- An application may have taken this function away.
    local builtins = debug.getregistry ~= nil and debug.getregistry()._TARANTOOL_BUILTIN
    local config = type(builtins) == 'table' and builtins.config or package.loaded.config
    if type(config) == 'table' and type(config.get) == 'function' and rawget(config, '_appliers') ~= nil then
        return config
    end
    return nil
end

--- Why an instance that the config has started cannot be reloaded.
-- @treturn ?table failure fields
local function refusal()
    local config = builtin()
    if config == nil or config._status == 'uninitialized' then
        -- A script has started the instance.
        return nil
    elseif config._status == 'startup_in_progress' then
        return {
            code = 'not_running',
            message = 'the config of the instance is still being applied',
            transient = true,
        }
    end
    local ok, roles = pcall(config.get, config, 'roles')
    if not ok then
        return {
            code = 'unsupported',
            message = ('the roles in the config of this Tarantool cannot be read: %s'):format(tostring(roles)),
        }
    elseif type(roles) == 'table' and next(roles) ~= nil then
        local names = {}
        for _, name in ipairs(roles) do
            table.insert(names, tostring(name))
        end
        return {
            code = 'unsupported',
            message = ('the config gives the instance roles (%s): roles of Tarantool 3 cannot be reloaded yet; '
                .. 'restart the instance'):format(table.concat(names, ', ')),
        }
    end
    return nil
end

return {refusal = refusal}
