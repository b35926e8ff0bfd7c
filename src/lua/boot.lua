--- Runs a command inside the instance.
--
-- The line that the client sends calls this chunk with the source code of all other
-- modules. The chunk loads the modules that the command requires, runs the command, and
-- returns the report. The modules are in a private table instead of `package.loaded`,
-- so nothing remains loaded afterwards.
--
-- A module that requires other modules starts with `local require = ...`. This variable
-- is the function `private_require`, which looks for a module among those that were
-- sent. If it finds none, it calls Tarantool's own `require`. Only commands/repl.lua is
-- sent without this file.
--
-- Arguments: the name and the source code of each module in turn, then the arguments of
-- the command in JSON. Returns the report, a table that follows the schema in the
-- manual.

local clock = require('clock')
local fiber = require('fiber')
local json = require('json')

-- Seconds.
local SLICE = 0.002
local slice_began = clock.monotonic()

-- The environment of this program's modules. It contains copies of the standard
-- functions of Lua, because new code may replace a function such as `pairs` before it
-- fails. Even then, the rollback must work.
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
-- Commands load the table `sources` with `require`, as if it were a module. `relay`
-- forwards it to another instance, and `push` reads the pushed text from it.
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
    -- Compiling all modules at once would block the event loop, so yield between modules
    -- when the time slice is used up.
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
    -- An error that reaches this handler indicates a bug in this program, so add a
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
