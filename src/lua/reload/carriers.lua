--- Fibers that libraries have started for code of the application, such as those of
-- timers: the fiber runs a loop of the library, which calls what it was given.
--
-- When new code starts such a fiber again, the old one is superfluous: after a
-- restart there would be one. Both are known by the function of the library that
-- they began with, by the texts that they were given, such as a name, and by the
-- functions of the application, see `succession`.

local require = ...
local fibers_lib = require('platform.fibers')
local generations = require('reload.generations')
local jutil = require('jit.util')
local slice = require('core.yield')
local stacks = require('platform.stacks')
local succession = require('reload.succession')

-- Fields of a table that a fiber was given.
local FIELDS = 64
-- How often fibers are looked at, if some end meanwhile: each turn of a loop can be
-- a fiber of its own.
local TRIES = 5

--- Calls back for what a fiber was given: the upvalues of the function that it
-- began with, its arguments and variables, and what tables among these have.
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

--- Whether a function is one of a library.
local function is_of_library(f, origin)
    local info = jutil.funcinfo(f)
    return info.proto ~= nil and info.source:sub(1, 9) ~= '@builtin/' and not generations.is_ours(f)
        and not origin:is_old(f) and not origin:is_new(f)
end

--- What a fiber carries.
-- @tparam table item {id, thread}; gets `entry` and `key`, the same for fibers that
--   do the same for somebody else
-- @tparam table origin
-- @tparam function test (f) -> whether it is a function of the application
-- @treturn {function,...} empty if it is no such fiber
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

--- Looks at the fibers once.
-- @treturn table see `collect`
-- @treturn boolean whether a fiber has ended meanwhile
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

--- The fibers that carry functions of the application. Yields.
-- @tparam table origin
-- @tparam function accepts (number of a fiber) -> whether to look at it
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

--- Finds the fibers of old code that were started again. Yields.
-- @tparam table origin
-- @tparam table news those that were started, see `collect`
-- @tparam table options
--   accepts: see `collect`
--   find_counterpart: function (f) -> ?function
-- @treturn {table,...} {id, name, thread, func, where, successors}
-- @treturn boolean whether one may have started another one meanwhile and ended
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
        end
        local is_taken = {}
        for _, carrier in ipairs(carriers) do
            local item = carrier.item
            -- One that carries something else too goes on with that.
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

--- Takes note that a fiber was ended: what it carried is done by its successors.
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
