--- The environment variables of the instance that the program reads. No other file
-- calls `os.getenv`, so that the manual can be checked against this list.

local names = {'PWD', 'TARANTOOLCTL', 'TARANTOOL_INSTANCE_NAME', 'TT_CLI', 'TT_CLI_INSTANCE'}

local is_listed = {}
for _, name in ipairs(names) do
    is_listed[name] = true
end

--- Returns the value of a variable.
-- @tparam string name one of `names`
-- @treturn ?string nil if the variable is unset
local function get(name)
    assert(is_listed[name])
    return os.getenv(name)
end

return {names = names, get = get}
