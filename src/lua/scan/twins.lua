--- Pairs old functions that have no name with new functions. The new function of a pair
-- is the twin of the old one. Both are registered in the same object of a library, such
-- as a list.
--
-- A function has no name, and so no counterpart by name, if no path leads to it from
-- the value of its module. Examples are anonymous functions, and local functions that
-- no other function uses.
--
-- The closures of one prototype form a group, in the order of their registration. Old
-- groups are paired with new ones: first groups with the same code, then groups on
-- the same line, and finally the remaining groups by their order. Groups with the same
-- code are paired only if there are as many old ones as new ones. The same applies to
-- groups on the same line, and to the remaining groups.
--
-- Groups of different sizes are not paired: some closures of the larger group were
-- created later, for example by a request, and it is unknown which ones.

local jutil = require('jit.util')

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

--- Groups functions by prototype. The groups are in the order in which their
-- prototypes first appear.
-- @treturn {table,...} groups {line, params, is_vararg, members}
local function group(list)
    local groups, by_proto = {}, {}
    for _, f in ipairs(list) do
        local proto = proto_of(f)
        local found = by_proto[proto]
        if found == nil then
            local info = jutil.funcinfo(f)
            found = {line = info.linedefined, params = info.params, is_vararg = info.isvararg, members = {}}
            by_proto[proto] = found
            table.insert(groups, found)
        end
        table.insert(found.members, f)
    end
    return groups
end

local function free(groups)
    local list = {}
    for _, item in ipairs(groups) do
        if item.twin == nil then
            table.insert(list, item)
        end
    end
    return list
end

local function is_alike(a, b)
    return a.params == b.params and a.is_vararg == b.is_vararg and #a.members == #b.members
end

--- Pairs old groups with new groups that have the same key. For each key, pairs them
-- only if there are as many old groups as new ones, and if the two groups of each pair
-- have the same size and the same parameters (their number, and whether `...` is one).
-- @tparam table olds old groups
-- @tparam table news new groups
-- @tparam function key_of (group) -> key; nil to leave the group unpaired
local function pair_by(olds, news, key_of)
    local classes = {}
    for which, groups in ipairs({olds, news}) do
        for _, item in ipairs(free(groups)) do
            local key = key_of(item)
            if key ~= nil then
                classes[key] = classes[key] or {{}, {}}
                table.insert(classes[key][which], item)
            end
        end
    end
    for _, class in pairs(classes) do
        local old, new = class[1], class[2]
        local fits = #old == #new
        for index = 1, fits and #old or 0 do
            fits = fits and is_alike(old[index], new[index])
        end
        for index = 1, fits and #old or 0 do
            old[index].twin, new[index].twin = new[index], old[index]
        end
    end
end

--- Returns a string that identifies the code of a group of functions. It contains their
-- bytecode and upvalue names. Groups with equal code get equal strings.
-- @treturn ?string nil if the bytecode cannot be read
local function code_of(item)
    local f = item.members[1]
    local ok, text = pcall(string.dump, f, true)
    local parts = {ok and text or nil}
    for index = 1, ok and 60 or 0 do
        parts[index + 1] = debug.getupvalue(f, index)
    end
    return ok and table.concat(parts, '\n') or nil
end

--- Pairs old functions with new ones. Does not yield.
-- @tparam {function,...} olds old functions of one module, in the order of their
--   registration
-- @tparam {function,...} news new functions of the same module, in the order of
--   their registration
-- @treturn table old function -> new function
local function pair(olds, news)
    local twins = {}
    olds, news = group(olds), group(news)
    pair_by(olds, news, code_of)
    pair_by(olds, news, function(item)
        return item.line
    end)
    pair_by(olds, news, function()
        return 'left over'
    end)
    for _, item in ipairs(olds) do
        for index, f in ipairs(item.twin and item.members or {}) do
            twins[f] = item.twin.members[index]
        end
    end
    return twins
end

return {pair = pair}
