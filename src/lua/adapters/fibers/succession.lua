--- Finds the successor of each old fiber: the fiber of new code that does the same work.
--
-- Fibers are grouped by the prototype of their entry function, because closures of the
-- same code do the same work. An old and a new prototype are paired by the first of
-- these rules that applies:
--   * counterpart: The new function has the same name in the same module.
--   * code: The old function has no counterpart. Both functions have the same bytecode
--     and the same file name.
--   * name: The fibers have the same name, and the functions have the same file name.
--   * shape: The old function has no counterpart. Both functions have the same file
--     name and use mostly the same names. They start at the same line, or have the same
--     position among the unpaired functions.
-- A rule does not apply if it matches more than one new prototype.
--
-- If a pair has fewer new fibers than old ones, some old fibers have no successor.

local jutil = require('jit.util')

-- The minimum fraction of common names for two functions to be paired by shape. The
-- fraction is relative to the function that uses more names (see `constants_of`).
local COMMON = 0.5
-- The default name of a fiber.
local NO_NAME = 'lua'

local function file_of(f)
    return debug.getinfo(f, 'S').source:match('[^@/]*$')
end

--- Returns the prototype of a Lua function. Returns a C function unchanged.
local function proto_of(f)
    return jutil.funcinfo(f).proto or f
end

--- Groups fibers by the prototype of their entry function.
-- @tparam {table,...} list {func, name} of each fiber; `func` is the entry function
-- @treturn {table,...} groups {func, proto, file, line, members, names}
local function group(list)
    local groups, by_proto = {}, {}
    for _, item in ipairs(list) do
        local proto = proto_of(item.func)
        local found = by_proto[proto]
        if found == nil then
            found = {
                func = item.func,
                proto = proto,
                file = file_of(item.func),
                line = debug.getinfo(item.func, 'S').linedefined,
                members = {},
                names = {},
            }
            by_proto[proto] = found
            table.insert(groups, found)
        end
        table.insert(found.members, item)
        if item.name ~= NO_NAME then
            found.names[item.name] = true
        end
    end
    return groups
end

--- Returns the names that a function uses: the names of its upvalues, and its string
-- constants, which include the names of globals and fields.
-- @treturn table set of names
-- @treturn number size of the set
local function constants_of(f)
    local set, count = {}, 0
    for index = -1, -250, -1 do
        local constant = jutil.funck(f, index)
        if constant == nil then
            break
        elseif type(constant) == 'string' and not set[constant] then
            set[constant], count = true, count + 1
        end
    end
    for index = 1, 60 do
        local name = debug.getupvalue(f, index)
        if name == nil then
            break
        elseif not set[name] then
            set[name], count = true, count + 1
        end
    end
    return set, count
end

local function is_alike(f, g)
    local a, count_a = constants_of(f)
    local b, count_b = constants_of(g)
    local common = 0
    for name in pairs(a) do
        if b[name] then
            common = common + 1
        end
    end
    return common >= COMMON * math.max(count_a, count_b)
end

local function code_of(f)
    local ok, text = pcall(string.dump, f, true)
    return ok and text or nil
end

--- Returns the only unpaired group that meets a condition.
-- @treturn ?table nil unless exactly one group meets the condition
local function only(groups, holds)
    local result
    for _, candidate in ipairs(groups) do
        if candidate.partner == nil and holds(candidate) then
            if result ~= nil then
                return nil
            end
            result = candidate
        end
    end
    return result
end

local function pair(a, b)
    a.partner, b.partner = b, a
end

--- Pairs the remaining old functions of each file with new ones. The two functions of a
-- pair must use mostly the same names. Functions that start at the same line are paired
-- first. Then, if equal numbers of old and new functions remain, they are paired in the
-- order of their lines.
local function pair_by_shape(olds, news)
    local files = {}
    local function collect(groups, key)
        for _, item in ipairs(groups) do
            if item.partner == nil and item.counterpart == nil then
                files[item.file] = files[item.file] or {old = {}, new = {}}
                table.insert(files[item.file][key], item)
            end
        end
    end
    local function by_line(a, b)
        return a.line < b.line
    end
    collect(olds, 'old')
    collect(news, 'new')
    for _, both in pairs(files) do
        for _, old in ipairs(both.old) do
            local found = only(both.new, function(new)
                return new.line == old.line and is_alike(old.func, new.func)
            end)
            if found ~= nil then
                pair(old, found)
            end
        end
        local function left(list)
            local result = {}
            for _, item in ipairs(list) do
                if item.partner == nil then
                    table.insert(result, item)
                end
            end
            table.sort(result, by_line)
            return result
        end
        local old, new = left(both.old), left(both.new)
        for index = 1, #old == #new and #old or 0 do
            if is_alike(old[index].func, new[index].func) then
                pair(old[index], new[index])
            end
        end
    end
end

--- Assigns new fibers to old fibers as their successors. Prefers new fibers that have
-- not failed, and new fibers with the name of the old fiber.
-- @tparam table old group of old fibers
-- @tparam table new the group of new fibers that is paired with `old`
local function assign(old, new)
    local free = {}
    for _, has_failed in ipairs({false, true}) do
        for _, item in ipairs(new.members) do
            if (item.has_failed or false) == has_failed then
                table.insert(free, item)
            end
        end
    end
    for _, is_strict in ipairs({true, false}) do
        for _, item in ipairs(old.members) do
            for index, candidate in ipairs(free) do
                if item.successor == nil and (not is_strict or candidate.name == item.name) then
                    item.successor = candidate
                    table.remove(free, index)
                    break
                end
            end
        end
    end
end

--- Finds the successors of old fibers. Does not yield.
-- @tparam {table,...} old {func, name} of each old fiber; `func` is the entry function.
--   Three fields are added:
--   successor: the new fiber, or nil
--   counterpart: the counterpart of the entry function, or nil
--   is_taken_over: true if any new fiber does the same work
-- @tparam {table,...} new {func, name, has_failed} of each new fiber, including those
--   that have ended
-- @tparam function find_counterpart (f) -> the counterpart of an old function, or nil
local function find(old, new, find_counterpart)
    local olds, news = group(old), group(new)
    for _, item in ipairs(olds) do
        for _, member in ipairs(item.members) do
            member.counterpart = find_counterpart(member.func)
            item.counterpart = item.counterpart or member.counterpart
        end
        local found = item.counterpart and only(news, function(candidate)
            return candidate.proto == proto_of(item.counterpart)
        end)
        if found then
            pair(item, found)
        end
    end
    for _, item in ipairs(olds) do
        local code = item.partner == nil and item.counterpart == nil and code_of(item.func)
        local found = code and only(news, function(candidate)
            return candidate.file == item.file and code_of(candidate.func) == code
        end)
        if found then
            pair(item, found)
        end
    end
    for _, item in ipairs(olds) do
        local found = item.partner == nil and next(item.names) ~= nil and only(news, function(candidate)
            for name in pairs(item.names) do
                if candidate.names[name] then
                    return candidate.file == item.file
                end
            end
            return false
        end)
        if found then
            pair(item, found)
        end
    end
    pair_by_shape(olds, news)
    for _, item in ipairs(olds) do
        if item.partner ~= nil then
            assign(item, item.partner)
            for _, member in ipairs(item.members) do
                member.is_taken_over = true
            end
        end
    end
end

return {find = find, proto_of = proto_of}
