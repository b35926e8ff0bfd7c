--- Finds the main script of an application without roles, and lists the risks of running the
-- script again.
--
-- The path of the script may be relative to the directory in which the process was started.
-- The process may have left that directory because of `work_dir` in `box.cfg`. So `resolve`
-- first searches the directories from which code was loaded. It then tries the directory in
-- PWD (set by the shell), `package.searchroot()`, and the current directory.

local require = ...
local bytecode = require('platform.bytecode')
local calls = require('platform.calls')
local catalog = require('code.catalog')
local config_lib = require('platform.config')
local detect_framework = require('frameworks.detect')
local environment = require('core.environment')
local fio = require('fio')
local jutil = require('jit.util')
local package_reload = require('platform.package_reload')
local yield = require('core.yield')

-- Name of the main script in report fields that otherwise contain a module name.
local NAME = 'main script'

-- Default directories in which tarantoolctl looks for instance scripts.
local INSTANCES = {'/etc/tarantool/instances.enabled', '/usr/local/etc/tarantool/instances.enabled'}

-- Functions that make a second run of the main script unsafe, if the script calls them at
-- its top level.
local RISKS = {
    {pattern = '^os%.exit$', text = 'would end the process, so a call makes the reload fail'},
    {pattern = '^fio%.chdir$', text = 'changes the working directory'},
    {pattern = '%.drop$', text = 'drops data of the running instance'},
    {pattern = '%.truncate$', text = 'drops data of the running instance'},
    {pattern = '^box%.schema%.[%w_.]*create$', text = 'fails if the object exists; add if_not_exists', creates = true},
    {pattern = '%.create_index$', text = 'fails if the object exists; add if_not_exists', creates = true},
    {pattern = '^cartridge%.cfg$', text = 'can be called only once per process'},
}

local function is_file(path)
    local stat = fio.stat(path)
    return stat ~= nil and stat:is_reg()
end

--- Returns the directories from which application code was loaded, according to the chunk
-- names of functions. May yield.
local function code_directories()
    local list, seen = {}, {}
    local function add(path, name)
        local directory = name and catalog.root_of(name, path) or path:match('^(.*)/[^/]*$')
        if path:sub(1, 1) == '/' and catalog.is_application_path(path) and not seen[directory] then
            seen[directory] = true
            table.insert(list, directory)
        end
    end
    -- Iterate over a copy: other fibers may load modules while this loop yields.
    for name, value in pairs(table.copy(package.loaded)) do
        yield.if_due()
        local previous
        for _, field in next, type(value) == 'table' and value ~= _G and value or {value} do
            local source = type(field) == 'function' and debug.getinfo(field, 'S').source
            -- Skip duplicates: most functions of a module come from the same file.
            if source and source ~= previous and source:sub(1, 1) == '@' and type(name) == 'string' then
                previous = source
                add(source:sub(2), name)
            end
        end
    end
    for _, value in next, _G do
        local source = type(value) == 'function' and debug.getinfo(value, 'S').source
        if source and source:sub(1, 1) == '@' then
            add(source:sub(2))
        end
    end
    return list
end

--- Returns the absolute path of the main script. May yield.
-- @tparam string given the path as it was passed to the process
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string reason: the file was not found, or there are several candidates
local function resolve(given)
    if given:sub(1, 1) == '/' then
        return given
    end
    local relative = given:gsub('^%./', '')
    for _, directory in ipairs(code_directories()) do
        if is_file(fio.pathjoin(directory, relative)) then
            return fio.pathjoin(directory, relative)
        end
    end
    local found = {}
    local searchroot = package.searchroot and package.searchroot()
    for _, directory in ipairs({environment.get('PWD') or '', searchroot or '', fio.cwd()}) do
        local path = directory:sub(1, 1) == '/' and fio.pathjoin(directory, relative)
        if path and is_file(path) and found[1] ~= path then
            table.insert(found, path)
        end
    end
    if #found > 1 then
        return nil, ('it may be %s or %s: start the instance with the absolute path of its script')
            :format(found[1], found[2])
    elseif #found == 0 then
        return nil, ('%s was not found: start the instance with the absolute path of its script'):format(given)
    end
    return found[1]
end

--- Finds the main script of an instance that was started by tarantoolctl. May yield.
-- @treturn ?string path; nil if tarantoolctl did not start the instance, or the script was
--   not found
local function of_tarantoolctl()
    local name = require('title').get():match('^%S+ (%S+%.lua)')
    if environment.get('TARANTOOLCTL') == nil or name == nil or environment.get('TT_CLI') ~= nil then
        return nil
    end
    local directories = code_directories()
    for _, directory in ipairs(INSTANCES) do
        table.insert(directories, directory)
    end
    for _, directory in ipairs(directories) do
        if is_file(fio.pathjoin(directory, name)) then
            return fio.pathjoin(directory, name)
        end
    end
    return nil
end

--- Returns the path of the main script as it was passed to the process. May yield.
-- @treturn[1] string path, which may be relative
-- @treturn[2] nil
-- @treturn[2] string why the instance has no main script
local function given_path()
    local config = config_lib.detect()
    if config ~= nil then
        local file = config:script()
        if file == nil then
            return nil, "the instance's config sets no main script (app.file)"
        end
        return fio.abspath(file)
    end
    local reloader = package_reload.detect()
    local path = reloader and reloader.script or environment.get('TT_CLI_INSTANCE') or of_tarantoolctl()
        or type(arg) == 'table' and arg[0]
    if type(path) ~= 'string' or path == '-' or path:match('%.lua$') == nil and not is_file(path) then
        return nil, 'the process was started without a script'
    end
    return path
end

--- Finds the main script. May yield.
-- @treturn[1] table {name, path, given, directory}, which `catalog.compile` accepts as a
--   module. `given` is the path in the chunk name of the running script. `directory` is
--   where the process was started, or nil if unknown.
-- @treturn[2] nil
-- @treturn[2] string why the script was not found
local function find()
    local given, why = given_path()
    if given == nil then
        return nil, why
    end
    local path
    path, why = resolve(given)
    if path == nil then
        return nil, why
    end
    local relative = given:gsub('^%./', '')
    local directory = path ~= given and path:sub(1, -#relative - 2) or environment.get('PWD')
    return {
        name = NAME,
        path = path,
        given = given,
        directory = directory and directory:sub(1, 1) == '/' and fio.path.is_dir(directory) and directory or nil,
    }
end

--- Adds the main script to the choice of what to reload. May yield.
-- @tparam table choice result of `catalog.choose`. These optional fields are added:
--   script: the main script, if it was found
--   main: the main script, if the reload runs it
--   main_problem: fields of a failure, if the reload should run the script but cannot
--   reloader: result of `package_reload.detect`, if the reload runs the script
-- @tparam table args arguments of the command
local function add(choice, args)
    local framework = detect_framework()
    local reloader = package_reload.detect()
    if framework.has_roles then
        choice.main_problem = args.main and {
            code = 'no_main_script',
            phase = 'compile',
            message = '--main cannot be used here: the application is started by its roles, not by its main script',
        } or nil
        return
    end
    local main, why = find()
    choice.script = main
    if not args.main and reloader == nil then
        return
    elseif main == nil then
        choice.main_problem = {
            code = 'no_main_script',
            phase = 'compile',
            message = ('the main script cannot be run again: %s'):format(why),
        }
        return
    end
    choice.main, choice.reloader = main, reloader
end

local function has_constant(chunk, wanted)
    for index = -1, -math.huge, -1 do
        local constant = jutil.funck(chunk, index)
        if constant == nil then
            return false
        elseif constant == wanted or type(constant) == 'table' and constant[wanted] ~= nil
        or type(constant) == 'proto' and has_constant(constant, wanted) then
            return true
        end
    end
end

--- Lists the functions that the main script calls, and the risks of running it again.
-- @tparam function chunk the compiled script
-- @treturn {string,...} names of the functions that the script calls at its top level
-- @treturn {string,...} risks: one line for each call that does not look safe, and one for
--   an endless loop
local function judge(chunk)
    local names, risks, starts_console = {}, {}, false
    for _, call in ipairs(calls.list(chunk)) do
        table.insert(names, call.name)
        starts_console = starts_console or call.name == 'console.start'
        for _, risk in ipairs(RISKS) do
            if call.name:find(risk.pattern) and not (risk.creates and has_constant(chunk, 'if_not_exists'))
            and not (call.name == 'os.exit' and starts_console) then
                table.insert(risks, ('line %d: %s %s'):format(call.line, call.name, risk.text))
                break
            end
        end
    end
    if bytecode.loops_for_ever(chunk) then
        table.insert(risks, 'endless loop: a reload would wait for it until the timeout')
    end
    return names, risks
end

--- Describes the main script for the report.
-- @tparam table choice with the fields that `add` has set
-- @treturn ?table {path, runs, changed, calls, risks}; nil if there is no main script
local function describe(choice)
    local script = choice.script
    if script == nil then
        return nil
    end
    local report = {path = script.path, runs = choice.main ~= nil, changed = script.changed}
    if script.chunk ~= nil then
        report.calls, report.risks = judge(script.chunk)
    end
    return report
end

--- Suggests --main if this reload has not run the main script, although the script has
-- changed or stale references remain.
-- @tparam table choice with the fields that `add` has set
-- @tparam {table,...} places stale references, as in the report
-- @treturn ?string the suggestion
local function hint(choice, places)
    if choice.script == nil or choice.main ~= nil then
        return nil
    elseif choice.script.changed then
        return ('the main script %s has changed; use --main to run the script again'):format(choice.script.path)
    end
    for _, place in ipairs(places) do
        if not place.patched then
            return ('code in the main script %s was not reloaded; use --main to run the script again')
                :format(choice.script.path)
        end
    end
    return nil
end

return {NAME = NAME, add = add, describe = describe, find = find, hint = hint, judge = judge}
