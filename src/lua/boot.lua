--- Runs a command inside the instance.
--
-- The line that the client sends calls this chunk with the source of the other modules.
-- The chunk runs the command, loads the modules that the command requires, and returns
-- the report. Nothing remains loaded: the modules are in a private table, not in
-- `package.loaded`.
--
-- A module that requires others starts with `local require = ...`. That function is
-- `private_require` below. It first looks for the name among these modules; if it is
-- not there, it calls Tarantool's own `require`. Only commands/repl.lua is sent without
-- this file.
--
-- Arguments: the name and the source of each module in turn, then the arguments of the
-- command in JSON. Returns the report, a table that follows the schema of the manual.

local clock = require('clock')
local fiber = require('fiber')
local json = require('json')

-- Seconds.
local SLICE = 0.002
local slice_began = clock.monotonic()

-- The environment of these modules. It contains copies of Lua's functions: new code may
-- replace `pairs` or `table.insert` and then fail, and the rollback must still work.
local environment = {}
for name, value in pairs(_G) do
    if type(value) == 'function' then
        environment[name] = value
    end
end
for _, name in ipairs({'bit', 'coroutine', 'debug', 'math', 'string', 'table'}) do
    environment[name] = {}
    for key, value in pairs(_G[name]) do
        environment[name][key] = value
    end
end
setmetatable(environment, {__index = _G})

local argc = select('#', ...)
local argv = {...}
local sources = {}
-- Kept for `relay`, which forwards these modules to another instance.
local loaded = {sources = sources}
for i = 1, argc - 1, 2 do
    sources[argv[i]] = argv[i + 1]
end

local function private_require(name)
    if loaded[name] ~= nil then
        return loaded[name]
    end
    local source = sources[name]
    if source == nil then
        return require(name)
    end
    -- Compiling all modules without a pause would block the event loop: yield between
    -- two modules if the slice is over.
    if clock.monotonic() - slice_began > SLICE then
        fiber.sleep(0)
        slice_began = clock.monotonic()
    end
    local chunk = assert(loadstring(source, ('@cartridge-reload/%s.lua'):format(name:gsub('%.', '/'))))
    loaded[name] = setfenv(chunk, environment)(private_require)
    return loaded[name]
end

local ok, report = xpcall(function()
    local args = json.decode(argv[argc])
    local command = private_require('commands.' .. args.command)
    return command(args)
end, function(err)
    -- An error here is a bug of this program, not of the application: add a
    -- traceback.
    return {message = tostring(err), traceback = debug.traceback('', 2)}
end)
if not ok then
    report = {
        outcome = 'failed',
        error = {
            code = 'internal_error',
            message = report.message,
            traceback = report.traceback,
        },
    }
end
report.cartridge_reload = 1
return report
