--- Lists the TCP servers that `socket.tcp_server` has started in this instance.
--
-- Each server has a fiber that accepts connections. A local variable on this fiber's
-- stack holds the server's options. For each connection, the fiber reads the handler
-- from the options, so the handler of a running server can be replaced.

local require = ...
local fibers = require('platform.fibers')

-- Limits: the highest stack level to examine (the innermost frame is level 0), and the
-- number of local variables to examine per frame.
local FRAMES, LOCALS = 5, 20

--- Returns the TCP server for which a coroutine accepts connections.
-- @treturn ?table {options, socket, addr}: `options` contains the handler; `socket` and
--   `addr` are what `tcp_server` returned; nil if the coroutine accepts no connections
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

--- Lists the TCP servers. May yield.
-- @treturn {table,...} see `accepted_by`; empty if fibers cannot be inspected, for
--   example if the application has removed functions of `debug`
local function list()
    local result = {}
    local ok, threads = pcall(fibers.threads)
    for _, item in ipairs(ok and threads or {}) do
        table.insert(result, accepted_by(item.thread))
    end
    return result
end

return {list = list}
