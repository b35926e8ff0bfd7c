--- Command `eval`: runs Lua code and returns its results in the format of the console.

local require = ...
local clock = require('clock')
local failure = require('core.failure')
local instance = require('commands.common.instance')
local request = require('commands.common.request')
local yaml = require('yaml')

-- A YAML encoder with the settings of Tarantool's console, so that it encodes any
-- value.
local encoder = yaml.new()
encoder.cfg({
    encode_invalid_numbers = true,
    encode_load_metatables = true,
    encode_use_tostring = true,
    encode_invalid_as_nil = true,
})

local function pack(...)
    return {n = select('#', ...), ...}
end

--- Compiles an expression into a function that evaluates it without a tail call. A tail
-- call such as `return error('x')` removes the stack frame of the user's code. The
-- error message would then begin with a position in this file.
-- @treturn ?function nil if the code is not an expression
local function compile_expression(code, chunk)
    if loadstring('return ' .. code, chunk) == nil then
        return nil
    end
    local maker = loadstring(('local cartridge_reload_pack = ... return function(...) '
        .. 'return cartridge_reload_pack(%s\n) end'):gsub('%%s', function() return code end), chunk)
    return maker and maker(pack)
end

--- Compiles an expression or a chunk, as the console does. The compiled function
-- returns its results in a table.
-- @treturn[1] function
-- @treturn[2] nil
-- @treturn[2] string message
local function compile(code, chunk)
    local expression = compile_expression(code, chunk)
    if expression ~= nil then
        return expression
    end
    local f, err = loadstring('return ' .. code, chunk)
    if f == nil then
        f, err = loadstring(code, chunk)
    end
    return f and function(...)
        return pack(f(...))
    end, err
end

--- If an error message begins with a position in this program, replaces the position
-- with the name of the user's chunk. Such a message occurs if the chunk makes a tail
-- call, or calls `error` with a level that denotes the caller of the chunk.
local function hide_own_line(message, chunk)
    return (message:gsub('^cartridge%-reload/[%w_/]+%.lua:%d+: ', function()
        return chunk:sub(2) .. ': '
    end))
end

return function(args)
    local started = clock.monotonic()
    local report = instance.describe('ok')
    local code, chunk_name = args.code, args.chunk or '=eval'
    local argv = args.args or {}
    local chunk, compile_error = compile(code, chunk_name)
    if chunk == nil then
        return request.fail(report, {code = 'compile_error', phase = 'compile', message = compile_error})
    end

    local results
    local ok, err, traceback = failure.call(function()
        results = chunk(unpack(argv))
    end)
    report.duration_ms = (clock.monotonic() - started) * 1000
    if not ok then
        local fail = failure.from(err, {code = 'lua_error', phase = 'eval'}, traceback)
        fail.message = hide_own_line(fail.message, chunk_name)
        return request.fail(report, fail)
    end
    local list = {}
    for i = 1, results.n do
        list[i] = results[i] == nil and box.NULL or results[i]
    end
    local encoded, text = pcall(encoder.encode, setmetatable(list, {__serialize = 'sequence'}))
    report.results = encoded and (results.n == 0 and '---\n...\n' or text) or nil
    if not encoded then
        request.fail(report, {code = 'bad_result', phase = 'eval', message = tostring(text)})
    elseif results.n >= 2 and results[1] == nil and results[2] ~= nil then
        -- In Tarantool, a function reports an error by returning nil and an error
        -- value.
        request.fail(report, failure.from(results[2], {code = 'lua_error', phase = 'eval'}))
    end
    return report
end
