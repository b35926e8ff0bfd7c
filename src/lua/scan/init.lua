--- The scan for stale references: finds references to functions of earlier
-- generations. It patches a reference if there is exactly one possible new
-- function.
--
-- The heap changes during a walk. So the scan makes several passes, until two passes
-- in a row agree or a limit is reached. Even then, the scan may have missed a stale
-- reference.

local require = ...
local clock = require('clock')
local counterparts = require('scan.counterparts')
local deadline = require('core.deadline')
local failure = require('core.failure')
local ffi = require('ffi')
local fiber = require('fiber')
local generations = require('code.generations')
local http_servers = require('platform.http_servers')
local log = require('log')
local modules = require('code.catalog')
local pass_lib = require('scan.pass')
local requests_lib = require('scan.requests')
local yield = require('core.yield')

local PASSES = 3
-- The report names at most this many of the functions that were compiled from
-- strings.
local NAMED_FUNCTIONS = 5
-- Kinds of modules for which `require` finds a file, see `code.catalog`.
local FOUND = {app = true, rocks = true, system = true}
-- Maximum time to wait until the requests that are running old code have finished,
-- in seconds.
local DRAIN = 1

-- Memory that a walk may need, as a share of the heap size. The worst case is a
-- heap of very small tables.
local NEED = 0.75
-- Size of the Lua heap at which a walk stops, in kilobytes. Without 64-bit
-- addresses (GC64), LuaJIT can use at most 2 GB.
local LIMIT = 1.6 * 1024 * 1024
local LIMIT_GC64 = 16 * 1024 * 1024

local function limit()
    return ffi.abi('gc64') and LIMIT_GC64 or LIMIT
end

--- Checks whether there is enough memory for a scan.
-- @treturn ?string error message if there is not
local function refusal()
    local heap = collectgarbage('count')
    local need = heap * NEED
    if heap + need <= limit() then
        return nil
    end
    return ('not enough memory: the Lua heap uses %.0f MB, a scan could need %.0f MB more, and the limit is %.0f MB')
        :format(heap / 1024, need / 1024, limit() / 1024)
end

--- Waits until the requests that are running old code have finished. Yields.
-- @tparam table requests see `requests`
-- @tparam number until_time time at which to stop waiting, in seconds on the
--   monotonic clock
local function drain(requests, until_time)
    while requests:are_running(nil) and clock.monotonic() < until_time do
        fiber.sleep(0.01)
    end
end

local function count_text(count, singular, plural)
    return ('%d %s'):format(count, count == 1 and singular or plural)
end

--- Lists what a pass has not examined completely, or could not classify.
-- @tparam table found the finished pass
-- @tparam {table,...} foreign result of `foreign_modules`
-- @treturn {string,...} lines for the report
local function unchecked(found, foreign)
    local list = {}
    for _, module in ipairs(foreign) do
        table.insert(list, ('module %s, which was reloaded by something other than cartridge-reload')
            :format(module.name))
    end
    local functions = found.places.loadstring_functions
    if #functions > 0 then
        table.insert(list, ('%s compiled from a string (generation unknown): %s%s'):format(
            count_text(#functions, 'function', 'functions'),
            table.concat(functions, ', ', 1, math.min(#functions, NAMED_FUNCTIONS)),
            #functions > NAMED_FUNCTIONS and ', ...' or ''))
    end
    if found.walk.deep > 0 then
        table.insert(list, ('the deepest frames of %s'):format(count_text(found.walk.deep, 'stack', 'stacks')))
    end
    if found.walk.asleep > 0 then
        table.insert(list, ('%s not started'):format(
            count_text(found.walk.asleep, 'coroutine that has', 'coroutines that have')))
    end
    if found.walk.unsteady > 0 then
        table.insert(list, ('the rest of %s that kept changing'):format(
            count_text(found.walk.unsteady, 'table', 'tables')))
    end
    for _, text in ipairs(found.hidden) do
        table.insert(list, text .. ': not visible in this build of Tarantool')
    end
    return list
end

local function is_same(a, b)
    if #a ~= #b then
        return false
    end
    for i = 1, #a do
        if a[i].where ~= b[i].where or a[i]['function'] ~= b[i]['function'] then
            return false
        end
    end
    return true
end

local function last_part(name)
    return name:match('[^/.]*$')
end

--- Returns the set of last parts that the given files' module names may have: `b` for
-- `a/b.lua`; `init` and `a` for `a/init.lua`. May yield.
-- @tparam table sources table whose keys are the chunk names of the files
-- @treturn table
local function endings(sources)
    local set = {}
    for source in pairs(table.copy(sources)) do
        yield.if_due()
        local path = source:gsub('%.lua$', '')
        set[last_part(path)] = true
        set[last_part(path:gsub('/init$', ''))] = true
    end
    return set
end

--- Whether an HTTP server has loaded the file of a controller (a table of request
-- handlers) again since a reload loaded it. If so, the controller contains a function
-- without a recorded generation.
-- @tparam table stash see `core.stash`
-- @param controller value of the controller
local function is_loaded_again(stash, controller)
    for _, f in next, type(controller) == 'table' and controller or {} do
        if type(f) == 'function' then
            local class, _, _, generation = generations.classify(stash, f)
            if class == 'stale' and generation == nil then
                return true
            end
        end
    end
    return false
end

--- Finds the controllers that HTTP servers have loaded again, and adds them to a list
-- of foreign modules. For example, a server that is created after the reload loads its
-- controllers again. May yield.
-- @tparam table stash see `core.stash`
-- @tparam {table,...} list see `foreign_modules`
local function add_controllers(stash, list)
    for _, server in ipairs(http_servers.list()) do
        for _, item in ipairs(http_servers.cached(server)) do
            yield.if_due()
            if item.kind == 'controller' and item.path ~= nil and stash.sources['@' .. item.path] ~= nil
                and is_loaded_again(stash, item.value) then
                table.insert(list, {name = item.key, path = item.path})
            end
        end
    end
end

--- Finds foreign modules: those that something other than this program has reloaded, or
-- loaded under another name, since this program's last reload. Until its next reload,
-- it is unknown which functions from their files are old. May yield.
-- @tparam table stash see `core.stash`
-- @treturn {{name, path},...} sorted by name
local function foreign_modules(stash)
    local list, others, known = {}, {}, {}
    local can_end = endings(stash.sources)
    for name, loaded in pairs(table.copy(package.loaded)) do
        yield.if_due()
        local path = stash.names[name]
        if path == nil then
            -- Skip modules whose names cannot belong to a reloaded file. Searching for
            -- the files of all modules would take as long as the scan.
            if type(name) == 'string' and can_end[last_part(name)] then
                others[name] = loaded
            end
        elseif rawequal(stash.values[name], loaded) then
            known[loaded] = true
        elseif stash.sources['@' .. path] ~= nil then
            table.insert(list, {name = name, path = path})
        end
    end
    for name, loaded in pairs(others) do
        yield.if_due()
        -- Skip aliases: other names that the application has given to a known
        -- module.
        local kind, path
        if not known[loaded] then
            kind, path = modules.classify(name, loaded)
        end
        if FOUND[kind] and stash.sources['@' .. path] ~= nil then
            table.insert(list, {name = name, path = path})
        end
    end
    add_controllers(stash, list)
    table.sort(list, function(a, b)
        return a.name < b.name
    end)
    return list
end

--- Returns the state table's records of generations, without the records of foreign
-- modules, so that functions of these modules do not count as stale.
-- @tparam table stash see `core.stash`
-- @tparam {table,...} foreign result of `foreign_modules`
local function believed(stash, foreign)
    local sources = table.copy(stash.sources)
    for _, module in ipairs(foreign) do
        sources['@' .. module.path] = nil
    end
    return {
        sources = sources,
        protos = stash.protos,
        units = stash.units,
        recording = stash.recording,
        aliases = stash.aliases,
        failed = stash.failed,
    }
end

--- Scans the heap, and patches stale references if requested. Yields.
-- @tparam table options
--   stash: see `core.stash`
--   deadline: in seconds, on the monotonic clock
--   counterparts: see `counterparts`
--   census (optional): registrations that new code had made by the commit, see
--     `census`
--   patch: whether to patch stale references
--   drain: whether to wait briefly for requests that are running old code; the scan
--     does not wait if `settle` is set, because `settle` waits for them
--   settle (optional): function () that ends the old code. Called after the first
--     pass; returns false if the old code had already been ended.
--   waits (optional): function () -> whether the old code is still to be ended
-- @treturn table
--   places: list of the references that were patched or remain stale
--   left: number of references that remain stale
--   unlisted: number of references that were patched, but are not in `places`
--   stats: see the manual
--   stopped: nil if the scan is complete; `time` or `memory`, whichever ran out; an
--     error message if the scan failed
local function run(options)
    local stats = {objects = 0, functions = 0, passes = 0, slices = 0, max_slice_ms = 0, bytes = 0}
    local foreign = foreign_modules(options.stash)
    options.believed, options.limit = believed(options.stash, foreign), limit()
    local before = collectgarbage('count')
    local places, left, found, unlisted = {}, nil, nil, 0
    local until_time = math.min(options.deadline, clock.monotonic() + DRAIN)
    options.requests = requests_lib.new(function(f)
        return (generations.classify(options.believed, f))
    end)
    for number = 1, PASSES do
        found = pass_lib.new(options)
        found:run()
        local walk = found.walk
        options.lists, options.shared = walk.lists, found.shared
        stats.passes = stats.passes + 1
        stats.objects, stats.functions = walk.count, walk.functions
        stats.slices = stats.slices + walk.slices
        stats.max_slice_ms = math.max(stats.max_slice_ms, walk.longest * 1000)
        stats.bytes = math.max(stats.bytes, math.floor((collectgarbage('count') - before) * 1024))
        local patched, patched_count = found.places.patched, found.places.patched_count
        for _, place in ipairs(patched) do
            table.insert(places, place)
        end
        unlisted = unlisted + patched_count - #patched
        local is_exact = walk.slices == 1
        local has_changed = number == 1 and options.settle ~= nil and options.settle()
        local is_settled = patched_count == 0 and not has_changed and next(found.pending) == nil
            and (is_exact and (#found.threads == 0 or not options.drain)
                or left ~= nil and is_same(left, found.places.left))
        left = found.places.left
        if not found.is_complete or is_settled or number == PASSES then
            break
        elseif options.drain and options.settle == nil then
            drain(options.requests, until_time)
        end
    end
    for _, place in ipairs(left) do
        table.insert(places, place)
    end
    stats.more = found.places.left_count - #left
    stats.complete = found.is_complete
    stats.unchecked = unchecked(found, foreign)
    return {places = places, left = found.places.left_count, unlisted = unlisted, stats = stats,
        stopped = found.stopped}
end

-- Messages for the reasons why a walk stops early.
local STOPPED = {
    time = 'out of time',
    memory = 'out of memory',
}

--- Adds stale references to a report: the fibers whose loops still run old code.
-- Usually the scan has already found these fibers, because the old function is on
-- their stacks. But an incomplete scan may have missed some.
-- @tparam table report
-- @tparam {table,...} loops {id, name, func, reason}: the fiber, its entry
--   function, and the reason why it still runs
-- @tparam table options see `run`
-- @treturn number number of fibers that were added
local function add_loops(report, loops, options)
    local by_id, added = {}, 0
    report.stale = report.stale or {}
    for _, place in ipairs(report.stale) do
        local id = place.kind == 'fiber' and not place.patched and place.where:match('^fiber (%d+) "')
        if id then
            by_id[tonumber(id)] = place
        end
    end
    for _, loop in ipairs(loops) do
        if by_id[loop.id] ~= nil then
            by_id[loop.id].reason = loop.reason
        else
            local info = debug.getinfo(loop.func, 'S')
            local _, _, _, generation = generations.classify(options.stash, loop.func)
            table.insert(report.stale, {
                kind = 'fiber',
                where = ('fiber %d "%s"'):format(loop.id, loop.name),
                ['function'] = ('%s:%d'):format(info.source:gsub('^@', ''), info.linedefined),
                name = options.counterparts:name_of(loop.func, info.source),
                generation = generation,
                patched = false,
                reason = loop.reason,
            })
            added = added + 1
        end
    end
    return added
end

--- Scans the heap at the end of a reload, and adds the result to the report. The new
-- code keeps serving, whatever the result is. Yields.
-- @tparam table report
-- @tparam table options the options of `run`, and one more:
--   loops: function () that lists the fibers whose loops still run old code; called
--     after `settle`
-- @tparam string mode argument of --stale: `report`, `patch` or `fail`
local function finish(report, options, mode)
    report.warnings = report.warnings or {}
    options.patch, options.drain = mode ~= 'report', true
    local is_remembered, why = pcall(options.counterparts.remember, options.counterparts)
    if not is_remembered then
        log.error('cartridge-reload: failed to record the names of old functions: %s', tostring(why))
    end
    local incomplete, left = refusal(), 0
    if incomplete == nil then
        local ok, result = pcall(run, options)
        if ok then
            report.stale, report.scan, left = result.places, result.stats, result.left
            incomplete = STOPPED[result.stopped] or result.stopped
            if result.unlisted > 0 then
                table.insert(report.warnings, ('%s not listed')
                    :format(count_text(result.unlisted, 'more patched place is', 'more patched places are')))
            end
        else
            log.error('cartridge-reload: the scan failed: %s', tostring(result))
            incomplete = tostring(result)
        end
    end
    if options.settle ~= nil then
        -- Call `settle` here, too: the scan may have been refused, or have failed
        -- before it called `settle`. A second call of `settle` does nothing.
        options.settle()
        left = left + add_loops(report, options.loops(), options)
    end
    if incomplete ~= nil then
        table.insert(report.warnings, 'the stale-reference scan is incomplete: ' .. incomplete)
    end
    if mode ~= 'fail' or report.outcome ~= 'reloaded' then
        return
    elseif left > 0 then
        failure.set_error(report, {
            code = 'stale_references',
            phase = 'scan',
            message = count_text(left, 'stale reference remains', 'stale references remain'),
        })
    elseif incomplete ~= nil then
        failure.set_error(report, {code = 'scan_incomplete', phase = 'scan', message = incomplete})
    end
end

--- Scans the heap without changing anything. Yields.
-- @tparam table args arguments of the command
-- @tparam table stash see `core.stash`. It may be empty if there has been no reload
--   yet; nothing is stale then.
-- @treturn table see `run`
local function look(args, stash)
    if stash.sources == nil or (next(stash.sources) == nil and next(stash.failed) == nil) then
        return {places = {}, left = 0, stats = {complete = true}}
    end
    return run({
        stash = stash,
        deadline = deadline.of(args),
        counterparts = counterparts.new(stash),
        patch = false,
    })
end

return {
    STOPPED = STOPPED,
    count_text = count_text,
    finish = finish,
    limit = limit,
    look = look,
    refusal = refusal,
}
