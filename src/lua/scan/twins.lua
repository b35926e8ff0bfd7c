--- Pairs new functions with old ones that have no name, but are registered in
-- the same place.
--
-- A function without a name, or a local one that nothing else uses, cannot be
-- reached from its module's value. But if the next generation registers as many
-- functions in the same place, they are matched by their properties: the same
-- code, the same line, or the same position among the remaining ones.
--
-- Closures of the same code form a group, in order. If the sizes of two groups
-- differ, some closures were created later, for example by a request, and
-- cannot be told apart: no pair is formed then.

local jutil = require('jit.util')

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

--- Groups functions by prototype, in order of first appearance.
-- @treturn {table,...} groups {line, params, members}
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

--- Pairs groups with the same key, if there are as many old as new ones.
-- @tparam table olds groups
-- @tparam table news groups
-- @tparam function key_of (group) -> anything, nil for none
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

--- Returns the bytecode of a function and the names of its upvalues.
local function code_of(item)
    local f = item.members[1]
    local ok, text = pcall(string.dump, f, true)
    local parts = {ok and text or nil}
    for index = 1, ok and 60 or 0 do
        parts[index + 1] = debug.getupvalue(f, index)
    end
    return ok and table.concat(parts, '\n') or nil
end

--- Pairs functions. Does not yield.
-- @tparam {function,...} olds of one file, in the order of their registrations
-- @tparam {function,...} news of the same module, likewise
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
