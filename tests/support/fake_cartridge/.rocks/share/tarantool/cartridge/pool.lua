-- Test stand-in for cartridge.pool, written from its documented and observed
-- behaviour: connections to the instances of the cluster, kept by address,
-- for the user and with the password that all of them share.

local fiber = require('fiber')
local netbox = require('net.box')
local uri_tools = require('uri')

local errors = require('errors')

local cluster_cookie = require('cartridge.cluster-cookie')
local vars = require('cartridge.vars').new('cartridge.pool')

vars:new('connections', {})
vars:new('options', {MAP_CALL_TIMEOUT = 10})

local FormatURIError = errors.new_class('FormatURIError')
local NetboxConnectError = errors.new_class('NetboxConnectError')
local NetboxMapCallError = errors.new_class('NetboxMapCallError')

local function format_uri(uri)
    local parts = uri_tools.parse(uri)
    if parts == nil then
        return nil, FormatURIError:new('Invalid URI %q', uri)
    elseif parts.service == nil then
        return nil, FormatURIError:new('Invalid URI %q (missing port)', uri)
    end
    return uri_tools.format({
        host = parts.host,
        service = parts.service,
        login = cluster_cookie.username(),
        password = cluster_cookie.cookie(),
    }, true)
end

-- Replaces a connection that has ended, but not one that is still connecting.
local function connect(uri, opts)
    opts = opts or {}
    local conn = vars.connections[uri]
    if conn == nil or conn.state == 'error' or conn.state == 'closed' then
        local full_uri, err = format_uri(uri)
        if full_uri == nil then
            return nil, err
        end
        conn, err = NetboxConnectError:pcall(netbox.connect, full_uri,
            {wait_connected = false, fetch_schema = opts.fetch_schema == true})
        if conn == nil then
            return nil, err
        end
        vars.connections[uri] = conn
    end
    if opts.wait_connected == false then
        return conn
    end
    local timeout = opts.wait_connected
    if not conn:wait_connected(type(timeout) == 'number' and timeout or nil) then
        return nil, NetboxConnectError:new('%q: %s', uri,
            conn.error or 'Connection not established (yet)')
    end
    return conn
end

-- Combines errors into one, with the single errors by address. The error that
-- a function returns is not necessarily an error object.
local function unite(suberrors)
    local messages, lines, seen = {}, {}, {}
    for _, err in pairs(suberrors) do
        if type(err) == 'table' and not seen[err.class_name] then
            seen[err.class_name] = true
            table.insert(messages, err.err)
            table.insert(lines, '* ' .. tostring(err))
        end
    end
    local err = NetboxMapCallError:new('multiple errors occured:\n%s',
        table.concat(lines, '\n'))
    err.err = table.concat(messages, '\n')
    err.suberrors = suberrors
    return err
end

local function map_call(function_name, args, opts)
    local deadline = fiber.clock() + (opts.timeout
        or vars.options.MAP_CALL_TIMEOUT)
    local results, suberrors, tasks = {}, {}, {}
    for _, uri in ipairs(opts.uri_list) do
        local task = fiber.new(function()
            local conn, err = connect(uri, {wait_connected = false})
            if conn ~= nil then
                results[uri], err = errors.netbox_call(conn, function_name,
                    args, {timeout = math.max(deadline - fiber.clock(), 0)})
            end
            suberrors[uri] = err
        end)
        task:name('netbox_map_call')
        task:set_joinable(true)
        table.insert(tasks, task)
    end
    for _, task in ipairs(tasks) do
        task:join()
    end
    if next(suberrors) ~= nil then
        return results, unite(suberrors)
    end
    return results
end

return {
    init = function() end,
    connect = connect,
    format_uri = format_uri,
    map_call = map_call,
}
