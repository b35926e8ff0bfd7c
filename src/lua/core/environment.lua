--- Reads environment variables of the instance. No other Lua file may call `os.getenv`,
-- so that tests can compare this list of variables with the manual.

local names = {'PWD', 'TARANTOOLCTL', 'TARANTOOL_INSTANCE_NAME', 'TT_CLI', 'TT_CLI_INSTANCE'}

local is_listed = {}
for _, name in ipairs(names) do
    is_listed[name] = true
end

--- Returns the value of an environment variable.
-- @tparam string name one of `names`
-- @treturn ?string nil if the variable is unset
local function get(name)
    assert(is_listed[name])
    return os.getenv(name)
end

return {names = names, get = get}
