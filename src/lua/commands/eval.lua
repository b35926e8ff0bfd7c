--- Command `eval`: runs Lua and returns its results as the console prints them.

local require = ...
local clock = require('clock')
local failure = require('core.failure')
local instance = require('core.instance')
local run = require('core.command')
local yaml = require('yaml')

-- The way the console itself encodes: whatever the value is, something comes.
local encoder = yaml.new()
encoder.cfg({
    encode_invalid_numbers = true,
    encode_load_metatables = true,
    encode_use_tostring = true,
    encode_invalid_as_nil = true,
})

--- An expression or a chunk, as at the console.
local function compile(code, chunk)
    return loadstring('return ' .. code, chunk) or loadstring(code, chunk)
end

local function pack(...)
    return {n = select('#', ...), ...}
end

return function(args)
    local started = clock.monotonic()
    local report = instance.describe('ok')
    local code, chunk_name = args.code, args.chunk or '=eval'
    local chunk = compile(code, chunk_name)
    if chunk == nil then
        local _, err = loadstring(code, chunk_name)
        return run.fail(report, {code = 'compile_error', phase = 'compile', message = err})
    end

    local results
    local ok, err, traceback = failure.call(function()
        results = pack(chunk())
    end)
    report.duration_ms = (clock.monotonic() - started) * 1000
    if not ok then
        return run.fail(report, failure.from(err, {code = 'lua_error', phase = 'eval'}, traceback))
    end
    local list = {}
    for i = 1, results.n do
        list[i] = results[i] == nil and box.NULL or results[i]
    end
    local encoded, text = pcall(encoder.encode, setmetatable(list, {__serialize = 'sequence'}))
    report.results = encoded and (results.n == 0 and '---\n...\n' or text) or nil
    if not encoded then
        run.fail(report, {code = 'bad_result', phase = 'eval', message = tostring(text)})
    elseif results.n >= 2 and results[1] == nil and results[2] ~= nil then
        -- The convention of Tarantool: nil and an error.
        run.fail(report, failure.from(results[2], {code = 'lua_error', phase = 'eval'}))
    end
    return report
end
