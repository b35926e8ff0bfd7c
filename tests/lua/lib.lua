--- Functions for the Lua suites: loads the files below src/lua as boot.lua does,
-- runs cases, and creates small applications in temporary directories.
--
-- A suite is
--
--     local lib = dofile('tests/lua/lib.lua')
--     local case = lib.suite('name')
--     case('a sentence that is true', function(t) t:is(1 + 1, 2, 'sum') end)
--     lib.run()
--
-- From the environment: LUA_SRC, the directory of the sources (src/lua).

local fiber = require('fiber')
local fio = require('fio')
local tap = require('tap')

-- Absolute, as box.cfg changes the working directory.
local lib = {src = fio.abspath(os.getenv('LUA_SRC') or 'src/lua')}

-- The original, also while an adapter has replaced it.
local create_fiber = fiber.create

local REGISTRY = '__cartridge_reload'

-- Bytecode of the modules of src/lua, as suites load them again and again, and false
-- for modules of the server.
local compiled = {}

local function read_module(name)
    local file_name = name:gsub('%.', '/') .. '.lua'
    local file = io.open(fio.pathjoin(lib.src, file_name), 'rb')
    if file == nil then
        return false
    end
    local text = file:read('*a')
    file:close()
    return string.dump(assert(loadstring(text, '@cartridge-reload/' .. file_name)))
end

--- Returns a separate `require` for modules of src/lua, with nothing loaded.
-- @tparam ?table stubs name -> value to be given instead of a file
function lib.loader(stubs)
    local loaded = {}
    for name, value in pairs(stubs or {}) do
        loaded[name] = value
    end
    local function private_require(name)
        if loaded[name] ~= nil then
            return loaded[name]
        end
        if compiled[name] == nil then
            compiled[name] = read_module(name)
        end
        if not compiled[name] then
            return require(name)
        end
        loaded[name] = assert(loadstring(compiled[name]))(private_require)
        if name == 'core.codes' then
            setmetatable(loaded[name], {__index = function(_, code)
                error(('core/codes.lua lacks the error code %s'):format(tostring(code)), 0)
            end})
        end
        return loaded[name]
    end
    return private_require
end

--- Loads one module of src/lua and all that it requires again.
function lib.load(name, stubs)
    return lib.loader(stubs)(name)
end

local cleanups = {}

--- Registers a function to be called at the end of the current case.
function lib.defer(f)
    table.insert(cleanups, f)
end

local function clean_up()
    for i = #cleanups, 1, -1 do
        pcall(cleanups[i])
        cleanups[i] = nil
    end
    -- Fibers that were told to end get to it before the next case.
    fiber.sleep(0)
end

--- Waits until a condition holds, at most 20 seconds.
-- @return the last value of the condition
function lib.wait(condition, seconds)
    local deadline = fiber.time() + (seconds or 20)
    local value = condition()
    while not value and fiber.time() < deadline do
        fiber.sleep(0.002)
        value = condition()
    end
    return value
end

function lib.write(path, text)
    fio.mktree(fio.dirname(path))
    local file = assert(io.open(path, 'wb'))
    file:write(text)
    file:close()
end

--- Creates a temporary directory, which is removed after the case.
function lib.directory()
    local directory = fio.tempdir()
    lib.defer(function()
        fio.rmtree(directory)
    end)
    return directory
end

local box_directory

--- Calls `box.cfg`, once in a suite.
function lib.box()
    if box_directory == nil then
        box_directory = fio.tempdir()
        box.cfg({
            work_dir = box_directory,
            memtx_memory = 32 * 1024 * 1024,
            wal_mode = 'none',
            -- Not among the results.
            log = fio.pathjoin(box_directory, 'log'),
            log_level = 'error',
        })
    end
end

-- Numbers the applications, so that their modules have different names.
local applications = 0

--- Creates an application: a directory with modules, found by `require`.
-- @tparam {[string]=string,...} files module name -> text; "@" in the text and
--   the name stands for the name of the application, which is its directory
-- @treturn table with `name`, `root`, `path(module)`, `write(module, text)`,
--   `remove(module)`, `require(module)`
function lib.app(files)
    applications = applications + 1
    local app = {name = ('app%d'):format(applications), root = lib.directory()}
    local function full(module)
        return (module:gsub('@', app.name))
    end
    function app.path(module)
        return ('%s/%s.lua'):format(app.root, full(module):gsub('%.', '/'))
    end
    function app.write(module, text)
        lib.write(app.path(module), (text:gsub('@', app.name)))
    end
    function app.remove(module)
        fio.unlink(app.path(module))
    end
    function app.require(module)
        return require(full(module))
    end
    function app.loaded(module)
        return package.loaded[full(module)]
    end
    for module, text in pairs(files) do
        app.write(module, text)
    end
    local path = package.path
    package.path = app.root .. '/?.lua;' .. path
    lib.defer(function()
        package.path = path
        for name in pairs(package.loaded) do
            if type(name) == 'string' and (name == app.name or name:sub(1, #app.name + 1) == app.name .. '.') then
                package.loaded[name] = nil
            end
        end
        rawset(_G, REGISTRY, nil)
    end)
    return app
end

--- Loads the whole command `reload` again.
function lib.reload(args)
    args = table.copy(args or {})
    args.command = 'reload'
    args.timeout = args.timeout or 60
    return lib.load('commands.reload')(args)
end

--- Returns the stash that the program keeps in the instance.
function lib.stash()
    return rawget(_G, REGISTRY)
end

--- Starts a transaction in the running fiber, for tests of adapters.
-- `add` is as in the transaction; `code(text)` compiles new code.
-- @tparam ?table stash
function lib.transaction(load, stash)
    local stash_lib = load('core.stash')
    rawset(_G, REGISTRY, stash)
    local txn = load('reload.transaction').new({timeout = 60}, stash or stash_lib.get())
    txn.ownership:enter()
    txn.staging = true
    local chunks = 0
    function txn.code(text, path)
        chunks = chunks + 1
        path = path or ('/new/%d.lua'):format(chunks)
        local chunk = assert(loadstring(text, '@' .. path))
        txn.ownership:record(chunk, path)
        return chunk
    end
    lib.defer(function()
        txn.staging = false
        if not txn.committed and not txn.rolled_back then
            txn:rollback()
        end
        rawset(_G, REGISTRY, nil)
    end)
    --- @treturn {string,...} undone, left, doubts, each sorted
    function txn.undo()
        txn.rolled_back = true
        local result = txn:rollback()
        table.sort(result.undone)
        table.sort(result.left)
        table.sort(result.doubts)
        return result.undone, result.left, result.doubts
    end
    return txn
end

--- Compiles code of the serving generation, with the name of that file.
function lib.old_code(text, path)
    return assert(loadstring(text, '@' .. path))
end

--- Runs a function in a fiber outside the transaction.
-- @treturn what the function returned
function lib.elsewhere(f, ...)
    local argv, argc, results = {...}, select('#', ...), nil
    local channel = fiber.channel(1)
    create_fiber(function()
        results = {pcall(f, unpack(argv, 1, argc))}
        channel:put(true)
    end)
    channel:get(5)
    if not results[1] then
        error(results[2], 0)
    end
    return unpack(results, 2, table.maxn(results))
end

--- Measures the work of a function, independently of the load of the machine: the
-- number of Lua instructions executed until it returns, in thousands, in all
-- fibers. C functions are not counted. The function may call `lib.worked()` for
-- the number so far.
function lib.work(f, ...)
    local thousands = 0
    function lib.worked()
        return thousands
    end
    -- Compiled code would not be counted.
    jit.off()
    jit.flush()
    debug.sethook(function() thousands = thousands + 1 end, '', 1000)
    f(...)
    debug.sethook()
    jit.on()
    return thousands
end

--- Whether a text in the list contains this one.
function lib.mentions(list, text)
    for _, item in ipairs(list or {}) do
        if tostring(item):find(text, 1, true) then
            return true
        end
    end
    return false
end

--- Whether sessions can send messages: it can be switched off in newer servers.
function lib.has_push()
    local ok, option = pcall(function()
        return require('compat').box_session_push_deprecation
    end)
    return not ok or option == nil or option.current ~= 'new'
end

--- Whether triggers of this server have names.
function lib.has_named_triggers()
    return tonumber(_TARANTOOL:match('^%d+')) >= 3
end

--- The UUID of the replica set of this server, which newer ones have in another field.
function lib.replicaset_uuid()
    return (box.info.replicaset or box.info.cluster).uuid
end

--- Returns what a scan could not check, without what this server hides from every scan.
function lib.unchecked(report)
    local list = {}
    for _, text in ipairs(report.scan.unchecked) do
        if not text:find('^finalizers of cdata objects: ') then
            table.insert(list, text)
        end
    end
    return list
end

--- Whether the server has a readable table of finalizers: newer ones do not.
function lib.tells_finalizers()
    local ffi = require('ffi')
    local object = ffi.gc(ffi.new('char[1]'), type)
    return debug.getfenv(ffi.gc)[object] == type
end

local name, cases

--- Starts a suite.
-- @treturn function (sentence, function(t)) that adds a case
function lib.suite(suite_name)
    name, cases = suite_name, {}
    return function(sentence, f)
        table.insert(cases, {sentence = sentence, f = f})
    end
end

local function run_cases(main, chosen)
    for _, case in ipairs(chosen) do
        main:test(case.sentence, function(t)
            local ok, err = xpcall(case.f, function(err)
                return ('%s\n%s'):format(tostring(err), debug.traceback('', 2))
            end, t)
            if not ok then
                t:fail('the case ends without an error')
                t:diag('%s', err)
            end
            clean_up()
            t:plan(t.total)
        end)
    end
end

--- Runs the cases and exits. With an argument on the command line, only those whose
-- sentence contains it.
function lib.run()
    local only = arg[1]
    local chosen = {}
    for _, case in ipairs(cases) do
        if only == nil or case.sentence:find(only, 1, true) then
            table.insert(chosen, case)
        end
    end
    -- Line-buffered, so that no output is lost if the server crashes.
    io.stdout:setvbuf('line')
    local main = tap.test(name)
    main:plan(#chosen)
    -- In a fiber, like all code in an instance except its main script.
    local runner = fiber.new(function()
        run_cases(main, chosen)
    end)
    runner:set_joinable(true)
    runner:join()
    local ok = main:check()
    if box_directory ~= nil then
        fio.rmtree(box_directory)
    end
    os.exit(ok and 0 or 1)
end

return lib
