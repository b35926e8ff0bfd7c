-- Test stand-in for the rock "errors", written from its documented and
-- observed behaviour: classes whose objects carry class_name, err, file,
-- line, stack and str, and print as "Class: message".

local error_mt = {
    __type = 'error',
    __tostring = function(self)
        return self.str .. '\n' .. self.stack
    end,
}

-- "file" and "line" name the first Lua frame outside this module.
local function origin()
    for level = 3, 20 do
        local info = debug.getinfo(level, 'Sl')
        if info == nil then
            break
        end
        if info.what ~= 'C' and not info.source:find('errors.lua', 1, true) then
            return info.source:gsub('^@', ''), info.currentline
        end
    end
    return 'eval', 0
end

local function make(class_name, message)
    local file, line = origin()
    local text = type(message) == 'string' and message or tostring(message)
    return setmetatable({
        class_name = class_name,
        err = text,
        file = file,
        line = line,
        stack = debug.traceback('', 3):gsub('^\n', ''),
        str = ('%s: %s'):format(class_name, text),
    }, error_mt)
end

-- An error object that was received over the network has no metatable.
local function is_error_object(value)
    return type(value) == 'table' and value.class_name ~= nil
        and value.err ~= nil and value.str ~= nil
end

local function guarded(class_name, f, ...)
    local function on_error(reason)
        if is_error_object(reason) then
            return reason
        end
        return make(class_name, reason)
    end
    local results = {n = 0}
    local args, count = {...}, select('#', ...)
    local ok, reason = xpcall(function()
        local function keep(...)
            results = {n = select('#', ...), ...}
        end
        keep(f(unpack(args, 1, count)))
    end, on_error)
    if not ok then
        return nil, reason
    end
    return unpack(results, 1, results.n)
end

local class_methods = {}
local class_mt = {__index = class_methods, __type = 'error_class'}

function class_methods:new(message, ...)
    if type(message) == 'number' then
        -- The first argument may be a stack level.
        return self:new(...)
    end
    if select('#', ...) > 0 then
        message = message:format(...)
    end
    return make(self.name, message)
end

function class_methods:pcall(f, ...)
    return guarded(self.name, f, ...)
end

function class_methods:assert(value, message, ...)
    if value then
        return value, message, ...
    end
    if select('#', ...) > 0 then
        message = message:format(...)
    end
    error(make(self.name, message or 'assertion failed!'), 0)
end

local function new_class(name)
    return setmetatable({name = name}, class_mt)
end

-- Calls another instance: returns its results, or nil and an error object if that
-- fails.
local function over_network(class_name, conn, method, ...)
    local function receive(...)
        local results, count = {...}, select('#', ...)
        for i = 1, count do
            if results[i] == nil then
                results[i] = nil
            elseif is_error_object(results[i]) then
                local err = setmetatable(results[i], error_mt)
                err.err = ('"%s:%s": %s'):format(conn.host or '', conn.port,
                    err.err)
                err.str = ('%s: %s'):format(err.class_name, err.err)
            end
        end
        return unpack(results, 1, count)
    end
    return receive(guarded(class_name, conn[method], conn, ...))
end

return {
    new_class = new_class,
    netbox_call = function(conn, ...)
        return over_network('NetboxCallError', conn, 'call', ...)
    end,
    netbox_eval = function(conn, ...)
        return over_network('NetboxEvalError', conn, 'eval', ...)
    end,
    new = function(class_name, ...)
        return new_class(class_name):new(...)
    end,
    pcall = guarded,
    is_error_object = is_error_object,
}
