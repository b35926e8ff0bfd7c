--- The scan for stale references: finds what still refers to functions of
-- earlier generations, and mends what can be mended exactly.
--
-- The heap changes while it is walked, so a walk that was interrupted is
-- repeated until two of them agree, within bounds: the result is "none found",
-- not "none".

local require = ...
local clock = require('clock')
local counterparts = require('scan.counterparts')
local deadline = require('deadline')
local ffi = require('ffi')
local fiber = require('fiber')
local generations = require('generations')
local log = require('log')
local mend_lib = require('scan.mend')
local roots_lib = require('scan.roots')
local slice = require('slice')
local walk_lib = require('scan.walk')
local words = require('scan.words')

local PASSES = 3
-- Places that are listed; the others are counted.
local PLACES = 1000
-- Functions made from text that are looked at, and those that are named.
local TEXTS, NAMED_TEXTS = 200, 5
-- A table of a module with more entries is data.
local SMALL = 1000
-- How far new code is looked for on the way to a place.
local HOLDERS = 50
-- Seconds. A request that runs old code may come to its end.
local DRAIN = 1

-- Bytes that a walk needs for each byte of the heap, if it is full of the
-- smallest tables. And the most, in kilobytes, that Lua may have in use then:
-- without 64-bit addresses it can have 2 GB in all.
local NEED = 0.75
local LIMIT = 1.6 * 1024 * 1024
local LIMIT_GC64 = 16 * 1024 * 1024

local function limit()
    return ffi.abi('gc64') and LIMIT_GC64 or LIMIT
end

--- Why there is not enough memory for a scan.
-- @treturn ?string
local function refusal()
    local heap = collectgarbage('count')
    local need = heap * NEED
    if heap + need <= limit() then
        return nil
    end
    return ('the Lua heap has %.0f MB, a scan could need %.0f MB more, and there are %.0f MB in all')
        :format(heap / 1024, need / 1024, limit() / 1024)
end

--- Mends a place, if it is wanted and can be done.
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] ?string why not
local function mend(options, place)
    if not options.mend then
        return false
    end
    local counterpart, why = options.counterparts:find(place.func, place.source)
    if counterpart == nil then
        return false, why
    end
    return mend_lib.mend(place, counterpart)
end

--- One walk over the heap.
local Pass = {}
Pass.__index = Pass

local function new_pass(options)
    local self = setmetatable({
        options = options,
        patched = {},       -- places
        left = {},
        patched_count = 0,
        left_count = 0,
        keys = {},          -- places to be mended after the walk
        fibers = {},        -- set of their coroutines
        threads = {},       -- those of them that run old code
        texts = {},         -- functions that were made from text
        triggers = {},      -- functions found as such
        mended = {},        -- objects with a place that was mended
        renewed = {},       -- tables that were seen to as a whole
    }, Pass)
    self.walk = walk_lib.new({
        deadline = options.deadline,
        limit = limit(),
        -- What it remembers it remembers weakly.
        without = {options.registry},
        classify = function(f)
            return (generations.classify(options.believed, f))
        end,
        on_text = function(number)
            if #self.texts < TEXTS then
                table.insert(self.texts, {number = number, kind = 'object'})
            end
        end,
        on_place = function(...)
            return self:on_place(...)
        end,
    })
    return self
end

function Pass:keep(place)
    place.is_mended = place.object ~= nil and self.mended[place.object]
    place.is_iterated = place.object ~= nil and self.walk.iterated[place.object]
    if self.options.mend and self:is_of_new_code(place) then
        place.patched, place.reason = false, 'the new code itself has taken it'
    else
        place.patched, place.reason = mend(self.options, place)
    end
    if place.patched and place.object ~= nil then
        self.mended[place.object] = true
    end
    self:list(place)
end

function Pass:list(place)
    local name = place.patched and 'patched' or 'left'
    if #self[name] < PLACES then
        table.insert(self[name], place)
    end
    self[name .. '_count'] = self[name .. '_count'] + 1
end

local function new_place(known, number, kind, key, f, object)
    local place = {number = number, kind = kind, key = key, func = f, object = object}
    local _
    _, place.source, place.line, place.generation = generations.classify(known, f)
    return place
end

--- Whether new code itself holds a place, in its variables or in what its module
-- has. It got hold of an old function somewhere, often to put one of its own
-- around it: to replace that by the one around it would make it call itself.
function Pass:is_of_new_code(place)
    local judge, object = self.options.counterparts, place.object
    if place.kind == 'local' then
        return judge:is_newest(place.key.func)
    elseif place.kind == 'root' or place.kind == 'frame' then
        return false
    end
    local number, key_before = place.number, place.key
    for _ = 1, HOLDERS do
        if type(object) == 'function' and judge:is_newest(object) then
            return true
        elseif rawequal(object, package.loaded) then
            return not rawequal(place.object, object) and judge:is_replaced(key_before)
        end
        local _, parent, key = self.walk:at(number)
        if parent < 0 then
            return false
        end
        number, key_before = parent, key
        object = self.walk:at(number)
    end
    return false
end

--- Brings a table of an old module, such as a class that objects still have as
-- their metatable, up to its counterpart, in one step. What the new functions
-- call must be there, also if the old module had nothing like it.
-- @treturn boolean whether the table has got new keys
function Pass:renew(first, counterpart)
    local known, object, number = self.options.believed, first.object, first.number
    local added = false
    for key, f in next, object do
        if type(f) == 'function' and generations.classify(known, f) == 'stale' then
            self:keep(new_place(known, number, 'field', key, f, object))
        end
    end
    for key, f in next, counterpart do
        -- Not in the array part: there order is what matters.
        if type(key) == 'string' and type(f) == 'function' and rawget(object, key) == nil then
            rawset(object, key, f)
            added = true
            local info = debug.getinfo(f, 'S')
            self:list({
                name = self.options.counterparts:name_of(first.func, first.source) and key,
                number = number,
                kind = 'field',
                key = key,
                func = f,
                source = info.source,
                line = info.linedefined,
                generation = self.options.registry.generation,
                patched = true,
                reason = 'added with the new code',
            })
        end
    end
    return added
end

local function is_small(object)
    local count = 0
    for _ in next, object do
        count = count + 1
        if count > SMALL then
            return false
        end
    end
    return true
end

--- Called by the walk for each place.
-- @treturn ?boolean whether the object has got new keys
function Pass:on_place(number, kind, key, f, object)
    if kind == 'root' then
        self.triggers[f] = true
    elseif object == debug.getregistry() and self.triggers[f] then
        -- Was told by its name.
        return
    elseif kind == 'frame' then
        if self.fibers[object] then
            table.insert(self.threads, object)
        end
    elseif kind == 'field' and self.renewed[object] then
        return
    end
    local place = new_place(self.options.believed, number, kind, key, f, object)
    if kind == 'key' then
        -- The table is being walked.
        table.insert(self.keys, place)
        return
    elseif kind == 'field' and self.options.mend then
        local counterpart = self.options.counterparts:find_table(object, place.source)
        if counterpart ~= nil and not self.walk.iterated[object] and not self:is_of_new_code(place)
        and is_small(object) and is_small(counterpart) then
            self.renewed[object] = true
            return self:renew(place, counterpart)
        end
    end
    self:keep(place)
end

--- What is reported of a place. The names in it are of the application, with
-- functions of its own that can fail.
local function describe(self, place)
    local ok, kind, where = pcall(words.tell, self.walk, self.roots, place)
    if not ok then
        kind, where = 'table', 'a place that cannot be named'
    end
    return {
        kind = kind,
        where = where,
        ['function'] = ('%s:%d'):format(place.source:gsub('^@', ''), place.line),
        name = place.name or self.options.counterparts:name_of(place.func, place.source),
        generation = place.generation,
        patched = place.patched,
        reason = place.reason,
    }
end

--- Replaces the places by what is reported of them. May yield.
function Pass:describe(list)
    for i, place in ipairs(list) do
        slice.pause()
        list[i] = describe(self, place)
    end
end

function Pass:run()
    -- Fibers that have not begun to run have no stack.
    fiber.sleep(0)
    self.roots, self.are_fibers_known = roots_lib.collect()
    for _, root in ipairs(self.roots) do
        if root.kind == 'fiber' then
            self.fibers[root.value] = true
        end
    end
    -- What was mended is told, whatever happens.
    local ok, result = pcall(self.walk.run, self.walk, self.roots)
    self.is_complete = ok and result
    self.stopped = self.walk.stopped
    if not ok then
        self.stopped = tostring(result)
    end
    for _, place in ipairs(self.keys) do
        self:keep(place)
    end
    if self.patched_count > 0 then
        -- Compiled code has the old functions built in.
        jit.flush()
    end
    self:describe(self.patched)
    self:describe(self.left)
    local texts = self.texts
    self.texts = {}
    for _, place in ipairs(texts) do
        local told, kind, where = pcall(words.tell, self.walk, self.roots, place)
        -- Those are of Tarantool.
        if told and kind ~= 'registry' then
            table.insert(self.texts, where)
        end
    end
end

--- Waits for requests that run old code to come to their end. Yields.
local function drain(options, threads)
    local until_time = math.min(options.deadline, clock.monotonic() + DRAIN)
    local function is_old(thread)
        local level = 0
        while true do
            local info = debug.getinfo(thread, level, 'f')
            if info == nil then
                return false
            elseif generations.classify(options.believed, info.func) == 'stale' then
                return true
            end
            level = level + 1
        end
    end
    for _, thread in ipairs(threads) do
        while is_old(thread) do
            if clock.monotonic() > until_time then
                return
            end
            fiber.sleep(0.01)
        end
    end
end

local function count_text(count, singular, plural)
    return ('%d %s'):format(count, count == 1 and singular or plural)
end

--- What a pass could not tell.
local function unchecked(found, foreign)
    local list = {}
    for _, name in ipairs(foreign) do
        table.insert(list, ('module %s, which other code has loaded again'):format(name))
    end
    local texts = #found.texts
    if texts > 0 then
        table.insert(list, ('%s made from text, of which the generation is not known: %s%s'):format(
            count_text(texts, 'function', 'functions'),
            table.concat(found.texts, ', ', 1, math.min(texts, NAMED_TEXTS)),
            texts > NAMED_TEXTS and ', ...' or ''))
    end
    if found.walk.deep > 0 then
        table.insert(list, ('what is deep down in %s'):format(count_text(found.walk.deep, 'stack', 'stacks')))
    end
    if found.walk.asleep > 0 then
        table.insert(list, ('%s not begun to run'):format(
            count_text(found.walk.asleep, 'coroutine that has', 'coroutines that have')))
    end
    if found.walk.unsteady > 0 then
        table.insert(list, ('the end of %s that changed all the time'):format(
            count_text(found.walk.unsteady, 'table', 'tables')))
    end
    if not found.are_fibers_known then
        table.insert(list, 'the numbers of fibers: this build of Tarantool does not tell')
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

--- Modules that somebody else has loaded again since: what is old of their files
-- cannot be said until the next reload.
-- @treturn {string,...} sorted names
local function foreign_modules(registry)
    local list = {}
    for name, path in pairs(registry.names) do
        local value, loaded = registry.values[name], package.loaded[name]
        if registry.sources['@' .. path] ~= nil and loaded ~= nil and not rawequal(value, loaded) then
            table.insert(list, name)
        end
    end
    table.sort(list)
    return list
end

--- The registry without what is not to be believed.
local function believed(registry, foreign)
    local sources = table.copy(registry.sources)
    for _, name in ipairs(foreign) do
        sources['@' .. registry.names[name]] = nil
    end
    return {sources = sources, protos = registry.protos, failed = registry.failed}
end

--- Scans, and mends. Yields.
-- @tparam table options
--   registry: of the instance
--   deadline: on the monotonic clock
--   counterparts: see there
--   mend: whether to mend
--   drain: whether to wait a little for requests that run old code
-- @treturn table `places`: what was patched and what is left; `left`: how many
--   are; `stats`: see the manual; `stopped`: what there was not enough of for
--   the scan to be complete, nil if it is
local function run(options)
    local stats = {objects = 0, functions = 0, passes = 0, slices = 0, max_slice_ms = 0, bytes = 0}
    local foreign = foreign_modules(options.registry)
    options.believed = believed(options.registry, foreign)
    local before = collectgarbage('count')
    local places, left, found = {}, nil, nil
    for number = 1, PASSES do
        found = new_pass(options)
        found:run()
        local walk = found.walk
        stats.passes = stats.passes + 1
        stats.objects, stats.functions = walk.count, walk.functions
        stats.slices = stats.slices + walk.slices
        stats.max_slice_ms = math.max(stats.max_slice_ms, walk.longest * 1000)
        stats.bytes = math.max(stats.bytes, math.floor((collectgarbage('count') - before) * 1024))
        for _, place in ipairs(found.patched) do
            table.insert(places, place)
        end
        local is_exact = walk.slices == 1
        local is_settled = found.patched_count == 0
            and (is_exact and (#found.threads == 0 or not options.drain) or left ~= nil and is_same(left, found.left))
        left = found.left
        if not found.is_complete or is_settled or number == PASSES then
            break
        elseif options.drain then
            drain(options, found.threads)
        end
    end
    for _, place in ipairs(left) do
        table.insert(places, place)
    end
    stats.more = found.left_count - #left
    stats.complete = found.is_complete
    stats.unchecked = unchecked(found, foreign)
    return {places = places, left = found.left_count, stats = stats, stopped = found.stopped}
end

-- What stops a walk, in words.
local STOPPED = {
    time = 'there was not enough time',
    memory = 'there was not enough memory',
}

--- Scans at the end of a reload, and puts the result into its report. Whatever
-- happens here, the new code serves.
-- @tparam table report
-- @tparam table options see `run`
-- @tparam string mode of --stale
local function finish(report, options, mode)
    report.warnings = report.warnings or {}
    options.mend, options.drain = mode ~= 'report', true
    local incomplete, left = refusal(), 0
    if incomplete == nil then
        local ok, result = pcall(run, options)
        if ok then
            report.stale, report.scan, left = result.places, result.stats, result.left
            incomplete = STOPPED[result.stopped] or result.stopped
        else
            log.error('cartridge-reload: scan: %s', tostring(result))
            incomplete = tostring(result)
        end
    end
    if incomplete ~= nil then
        table.insert(report.warnings, 'stale references were not looked for everywhere: ' .. incomplete)
    end
    if mode ~= 'fail' or report.outcome ~= 'reloaded' then
        return
    elseif left > 0 then
        report.outcome = 'stale'
        report.error = {
            code = 'stale_references',
            phase = 'scan',
            message = count_text(left, 'stale reference remains', 'stale references remain'),
        }
    elseif incomplete ~= nil then
        report.outcome = 'stale'
        report.error = {code = 'scan_incomplete', phase = 'scan', message = incomplete}
    end
end

--- Scans without changing anything. Yields.
-- @tparam table args of the command
-- @tparam table registry of the instance; it may be one where nothing was
--   reloaded, and then nothing is stale
-- @treturn table see `run`
local function look(args, registry)
    if registry.sources == nil or (next(registry.sources) == nil and next(registry.failed) == nil) then
        return {places = {}, left = 0, stats = {complete = true}}
    end
    return run({
        registry = registry,
        deadline = deadline.of(args),
        counterparts = counterparts.new(registry),
        mend = false,
    })
end

return {count_text = count_text, finish = finish, look = look, refusal = refusal}
