--- The servers of `socket.tcp_server` in this instance. Each has a fiber that
-- accepts connections, and the built-in module `socket` has what the server was
-- given in local variables of that fiber. It looks the handler up for each
-- connection, so another one can take its place.

local require = ...
local fibers = require('platform.fibers')

-- Frames and local variables that are looked at.
local FRAMES, LOCALS = 5, 20

--- The server for which a coroutine accepts connections.
-- @treturn ?table {options, socket, addr}: what `tcp_server` was given, as it is
--   used for the next connection, and what it returned
local function accepted_by(thread)
    for level = 0, FRAMES do
        local info = debug.getinfo(thread, level, 'S')
        if info == nil then
            return nil
        elseif info.source:find('socket', 1, true) then
            local found = {}
            for index = 1, LOCALS do
                local name, value = debug.getlocal(thread, level, index)
                if name == nil then
                    break
                elseif type(value) == 'table' and name == 'server' then
                    found.options = type(rawget(value, 'handler')) == 'function' and value or nil
                elseif type(value) == 'table' and name == 's' then
                    found.socket = rawget(value, '_gc_socket') ~= nil and value or nil
                elseif type(value) == 'table' and name == 'addr' then
                    found.addr = value
                end
            end
            if found.options ~= nil and found.socket ~= nil then
                return found
            end
        end
    end
    return nil
end

--- Lists the servers. May yield.
-- @treturn {table,...} see `accepted_by`; none where fibers cannot be looked into,
--   as on an instance whose code has removed functions of `debug`
local function list()
    local result = {}
    local ok, threads = pcall(fibers.threads)
    for _, item in ipairs(ok and threads or {}) do
        table.insert(result, accepted_by(item.thread))
    end
    return result
end

return {list = list}
