--- Fibers in which a library runs code of the application, such as those of
-- timers: the fiber runs a loop of the library, which calls functions of the
-- application.
--
-- When new code starts such a fiber again, the old one is superfluous: after a
-- restart there would be one. An old and a new fiber are matched by their entry
-- function in the library, by the strings passed to it, such as a name, and by
-- the functions of the application, see `succession`.

local require = ...
local fibers_lib = require('platform.fibers')
local generations = require('code.generations')
local jutil = require('jit.util')
local slice = require('core.yield')
local stacks = require('platform.stacks')
local succession = require('adapters.fibers.succession')
local twins = require('scan.twins')

-- Fields that are examined of a table passed to a fiber.
local FIELDS = 64
-- How often the fibers are examined if some end during the search: a library may
-- start a new fiber for each iteration of its loop.
local TRIES = 5

--- Calls back for each value that a fiber uses: the upvalues of its entry function,
-- its arguments and variables, and the fields of tables among these.
local function each_given(entry, visit)
    local seen = {}
    local function look(value)
        visit(value)
        if type(value) ~= 'table' or seen[value] then
            return
        end
        seen[value] = true
        local left = FIELDS
        for _, field in next, value do
            left = left - 1
            if left < 0 then
                break
            end
            visit(field)
        end
    end
    for index = 1, 60 do
        local name, value = debug.getupvalue(entry.func, index)
        if name == nil then
            break
        end
        look(value)
    end
    for _, step in ipairs({1, -1}) do
        local index = step
        while true do
            local name, value = debug.getlocal(entry.thread, entry.level, index)
            if name == nil then
                break
            end
            look(value)
            index = index + step
        end
    end
end

--- Whether a function belongs to a library.
local function is_of_library(f, origin)
    local info = jutil.funcinfo(f)
    return info.proto ~= nil and info.source:sub(1, 9) ~= '@builtin/' and not generations.is_ours(f)
        and not origin:is_old(f) and not origin:is_new(f)
end

--- Returns the functions of the application that a fiber calls.
-- @tparam table item {id, thread}; sets `entry` and `key`, which is equal for fibers
--   that do the same work with other functions
-- @tparam table origin
-- @tparam function test (f) -> whether it is a function of the application
-- @treturn {function,...} empty if there are none
local function carried_by(item, origin, test)
    local list, seen, texts = {}, {}, {}
    local entry, index = stacks.entry_of((stacks.frames_of(item.thread)))
    if entry == nil or entry.is_c or not is_of_library(entry.func, origin) then
        return list
    end
    item.entry, item.entry_index, item.func = entry, index, entry.func
    each_given(entry, function(value)
        if type(value) == 'function' and not seen[value] and test(value) then
            seen[value] = true
            table.insert(list, value)
        elseif type(value) == 'string' then
            table.insert(texts, value)
        end
    end)
    table.sort(texts)
    item.key = ('%s\0%s'):format(tostring(jutil.funcinfo(entry.func).proto), table.concat(texts, '\0'))
    return list
end

--- Examines all fibers once.
-- @treturn table see `collect`
-- @treturn boolean whether a fiber ended during the search
local function look(origin, accepts, test)
    local groups, has_missed = {}, false
    for _, item in ipairs(fibers_lib.threads() or {}) do
        slice.pause()
        local is_alive = accepts(item.id) and fibers_lib.is_alive(item)
        has_missed = has_missed or accepts(item.id) and not is_alive
        for _, f in ipairs(is_alive and carried_by(item, origin, test) or {}) do
            groups[item.key] = groups[item.key] or {}
            table.insert(groups[item.key], {func = f, name = item.name, item = item})
        end
    end
    return groups, has_missed
end

--- Returns the fibers in which a library calls functions of the application. Yields.
-- @tparam table origin
-- @tparam function accepts (number of a fiber) -> whether to examine it
-- @tparam function test (f) -> whether it is such a function
-- @treturn table key -> {{func, name, item},...}, one for each function
local function collect(origin, accepts, test)
    local groups, has_missed
    for _ = 1, TRIES do
        groups, has_missed = look(origin, accepts, test)
        if not has_missed then
            break
        end
    end
    return groups
end

--- Matches functions without a name that `succession` has not matched, as it does
-- with those that a library has registered.
local function match_twins(carriers, news)
    local taken, olds, free = {}, {}, {}
    for _, carrier in ipairs(carriers) do
        if carrier.successor ~= nil then
            taken[carrier.successor] = true
        elseif carrier.counterpart == nil then
            table.insert(olds, carrier.func)
        end
    end
    for _, candidate in ipairs(news) do
        if not taken[candidate] then
            table.insert(free, candidate.func)
        end
    end
    local found = twins.pair(olds, free)
    for _, carrier in ipairs(carriers) do
        for _, candidate in ipairs(carrier.successor == nil and news or {}) do
            if not taken[candidate] and rawequal(candidate.func, found[carrier.func]) then
                carrier.successor, taken[candidate] = candidate, true
                break
            end
        end
    end
end

--- Finds the fibers of old code that new code has started again. Yields.
-- @tparam table origin
-- @tparam table news those that new code has started, see `collect`
-- @tparam table options
--   accepts: see `collect`
--   find_counterpart: function (f) -> ?function
-- @treturn {table,...} {id, name, thread, func, where, successors}
-- @treturn boolean whether a fiber may have been missed because it started another
--   one and ended during the search
local function find(origin, news, options)
    local result = {}
    if next(news) == nil then
        return result, false
    end
    local olds, has_missed = look(origin, options.accepts, function(f)
        return origin:is_old(f)
    end)
    for key, carriers in pairs(olds) do
        if news[key] ~= nil then
            succession.find(carriers, news[key], options.find_counterpart)
            match_twins(carriers, news[key])
        end
        local is_taken = {}
        for _, carrier in ipairs(carriers) do
            local item = carrier.item
            -- A fiber with a function that has no successor continues.
            is_taken[item] = is_taken[item] ~= false and carrier.successor ~= nil
            item.successors = item.successors or {}
            table.insert(item.successors, carrier.successor)
        end
        for item, taken in pairs(is_taken) do
            if taken then
                item.where = item.entry.where
                table.insert(result, item)
            end
        end
    end
    return result, has_missed
end

--- Records that a fiber was ended and its successors do its work.
-- @tparam table news see `collect`
-- @tparam table item see `find`
local function consume(news, item)
    for _, successor in ipairs(item.successors) do
        for index, carrier in ipairs(news[item.key]) do
            if carrier == successor then
                table.remove(news[item.key], index)
                break
            end
        end
    end
end

return {collect = collect, consume = consume, find = find}
