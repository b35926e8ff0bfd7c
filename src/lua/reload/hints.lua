--- Adds hints to the messages of failures that usually occur because a module, each time
-- it is loaded, does something that a process can do only once.

local HINTS = {
    {
        text = 'Cluster is already initialized',
        hint = 'cartridge.cfg() can be called only once per process: call it in the main script, '
            .. 'not in a module, or leave the module out with --exclude',
    },
    {
        text = 'Address already in use',
        hint = 'the server that uses the port is not one that the old code started: free the port, use another one, '
            .. 'or start the server in the main script',
    },
}

--- Appends a hint to the message of a failure, if one applies.
-- @tparam table fail the failure, see `core.failure`
local function add(fail)
    for _, item in ipairs(type(fail.message) == 'string' and HINTS or {}) do
        if fail.message:find(item.text, 1, true) and not fail.message:find(item.hint, 1, true) then
            fail.message = ('%s (%s)'):format(fail.message, item.hint)
        end
    end
end

return {add = add}
