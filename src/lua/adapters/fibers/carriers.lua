--- Finds carriers: fibers in which a library loop, such as a timer, calls functions of
-- the application.
--
-- If new code has started a matching carrier, the old carrier must end, because a
-- restarted process would have only one. Two carriers match if three things agree:
--   * the entry function, which belongs to the library
--   * the strings that the entry function uses, such as a name
--   * the functions of the application that the entry function calls: each old one has
--     a successor among the new ones (see `succession`)

local require = ...
local fibers_lib = require('platform.fibers')
local generations = require('code.generations')
local jutil = require('jit.util')
local yield = require('core.yield')
local stacks = require('platform.stacks')
local succession = require('adapters.fibers.succession')
local twins = require('scan.twins')

-- Maximum number of fields that are examined in one table.
local FIELDS = 64
-- Maximum number of searches. A search is repeated if a fiber ended during it: a library
-- may start a new fiber for each iteration of its loop, and the search may miss that
-- fiber.
local TRIES = 5

--- Calls `visit` with each value that a fiber's entry function can use: upvalues,
-- arguments, local variables, and the fields of tables among them.
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

--- Returns whether a function belongs to a library, rather than to the application,
-- Tarantool or this program.
local function is_of_library(f, ownership)
    local info = jutil.funcinfo(f)
    return info.proto ~= nil and info.source:sub(1, 9) ~= '@builtin/' and not generations.is_ours(f)
        and not ownership:is_old(f) and not ownership:is_new(f)
end

--- Returns the functions of the application that a carrier calls.
-- @tparam table item {id, thread} of a fiber. If the fiber runs a library loop, this
--   function adds these fields: `func`, the entry function; `entry`, its stack frame;
--   `entry_index`, the position of that frame on the stack; `key`, a string made from
--   the entry function and the strings that it uses. Matching carriers have equal keys.
-- @tparam table ownership see `code.ownership`
-- @tparam function test (f) -> whether a function is of the wanted generation
-- @treturn {function,...} empty if the fiber is not a carrier
local function carried_by(item, ownership, test)
    local list, seen, texts = {}, {}, {}
    local entry, index = stacks.entry_of((stacks.frames_of(item.thread)))
    if entry == nil or entry.is_c or not is_of_library(entry.func, ownership) then
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

--- Examines all fibers once. Yields.
-- @treturn table see `collect`
-- @treturn boolean whether a fiber ended before it was examined
local function look(ownership, accepts, test)
    local groups, has_missed = {}, false
    for _, item in ipairs(fibers_lib.threads() or {}) do
        yield.if_due()
        local is_alive = accepts(item.id) and fibers_lib.is_alive(item)
        has_missed = has_missed or accepts(item.id) and not is_alive
        for _, f in ipairs(is_alive and carried_by(item, ownership, test) or {}) do
            groups[item.key] = groups[item.key] or {}
            table.insert(groups[item.key], {func = f, name = item.name, item = item})
        end
    end
    return groups, has_missed
end

--- Finds the carriers among the accepted fibers. Yields.
-- @tparam table ownership see `code.ownership`
-- @tparam function accepts (fiber id) -> whether to examine the fiber
-- @tparam function test (f) -> whether a function is of the wanted generation
-- @treturn table maps each `key` (see `carried_by`) to {{func, name, item},...}, with
--   one element for each function that a carrier calls
local function collect(ownership, accepts, test)
    local groups, has_missed
    for _ = 1, TRIES do
        groups, has_missed = look(ownership, accepts, test)
        if not has_missed then
            break
        end
    end
    return groups
end

--- Assigns successors to old functions that have neither a successor nor a counterpart.
-- `scan.twins` pairs them with the new functions that are not successors yet.
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

--- Finds the carriers of old code that are replaced by carriers of new code. Yields.
-- @tparam table ownership see `code.ownership`
-- @tparam table news the carriers of new code, as returned by `collect`
-- @tparam table options
--   accepts: see `collect`
--   find_counterpart: function (f) -> the counterpart of an old function, or nil
-- @treturn {table,...} {id, name, thread, func, where, successors}
-- @treturn boolean whether a carrier may have been missed, because a fiber ended during
--   the search and may have continued its loop in another fiber
local function find(ownership, news, options)
    local result = {}
    if next(news) == nil then
        return result, false
    end
    local olds, has_missed = look(ownership, options.accepts, function(f)
        return ownership:is_old(f)
    end)
    for key, carriers in pairs(olds) do
        if news[key] ~= nil then
            succession.find(carriers, news[key], options.find_counterpart)
            match_twins(carriers, news[key])
        end
        local is_taken = {}
        for _, carrier in ipairs(carriers) do
            local item = carrier.item
            -- A carrier is replaced only if each function that it calls has a successor:
            -- a matching function that a carrier of new code calls.
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

--- Removes the successors of an ended carrier from `news`, so that they are not assigned
-- to another old carrier.
-- @tparam table news as returned by `collect`
-- @tparam table item the ended carrier, as returned by `find`
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
