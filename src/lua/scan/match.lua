--- Matches the functions and tables of an old module with those of the module's new
-- version. In this file, both functions and tables are called things.
--
-- The old and the new value of a module are counterparts of each other. From there,
-- the matching compares names: if two things are counterparts, so are their fields
-- with the same string key, their metatables, and their upvalues with the same name.
-- The name of a thing is its path from the value of the module. Examples:
--
--   `get`: a field of the module's value;
--   `Class.run`: the field `run` of the table in the field `Class`;
--   `helper`: a local function or table that another function uses as an upvalue.
--
-- If two paths lead to the same old thing, but to different new things, the old
-- thing has no counterpart. So the matching never guesses, and its result does not
-- depend on the order of traversal.

-- Maximum number of entries in a table. The fields of a larger table are not matched,
-- because it is assumed to hold data, not functions.
local ENTRIES = 1000
-- Limits for a module: THINGS for the number of its functions and tables, ALL_ENTRIES
-- for the total number of entries in its tables. Anything beyond these limits is
-- ignored.
local THINGS, ALL_ENTRIES = 3000, 5000
-- Maximum number of parts in a name (`Class.run` has two).
local PARTS = 8

-- Kinds of steps that lead from one function or table to another.
local FIELD, UPVALUE, METATABLE = 1, 2, 3

-- Marker for a function or table that has several possible counterparts.
local AMBIGUOUS = {}

local getinfo, getmetatable, getupvalue = debug.getinfo, debug.getmetatable, debug.getupvalue

--- Returns the value of the upvalue with a given name.
-- @tparam function f
-- @tparam string wanted name of the upvalue
-- @return nil if no upvalue, or more than one, has this name
local function find_upvalue(f, wanted)
    local result, is_found = nil, false
    for index = 1, 255 do
        local name, value = getupvalue(f, index)
        if name == nil then
            break
        elseif name == wanted and is_found then
            return nil
        elseif name == wanted then
            result, is_found = value, true
        end
    end
    return result
end

--- Follows one step from a function or table.
-- @param thing the function or table
-- @tparam number kind FIELD, UPVALUE or METATABLE
-- @param key key of the field, or name of the upvalue
-- @return the value to which the step leads; nil if the step does not exist
local function follow(thing, kind, key)
    if kind == UPVALUE then
        return type(thing) == 'function' and find_upvalue(thing, key) or nil
    elseif type(thing) ~= 'table' then
        return nil
    elseif kind == METATABLE then
        return getmetatable(thing)
    end
    return rawget(thing, key)
end

--- Returns the string keys of a table, sorted.
-- @tparam table thing the table
-- @tparam table budget {entries}: how many table entries may still be examined;
--   decreased by this function
-- @treturn {string,...} empty if the budget is exhausted, or if the table is so large
--   that it is assumed to hold data, not functions
local function string_keys(thing, budget)
    local keys, count = {}, 0
    for key in next, thing do
        count, budget.entries = count + 1, budget.entries - 1
        if count > ENTRIES or budget.entries < 0 then
            return {}
        end
        if type(key) == 'string' then
            table.insert(keys, key)
        end
    end
    table.sort(keys)
    return keys
end

--- Returns the name of a function or table within its module, such as `Class.run`.
-- The name of the module's own value is an empty string.
-- @tparam table thing an item of `list_things`, or a record made by `entry_of`
-- @treturn string
local function name_of(thing)
    local parts, count = {}, 0
    while thing.holder ~= nil and count < PARTS do
        local part, kind = thing.key, thing.kind
        if kind == METATABLE then
            part = '(metatable)'
        elseif kind == UPVALUE and not thing.is_local then
            -- The name of an upvalue of a library function is put in parentheses,
            -- because it says little about the application.
            part = '(' .. part .. ')'
        end
        count = count + 1
        parts[count] = part
        if thing.is_local then
            break
        end
        thing = thing.holder
    end
    for i = 1, math.floor(count / 2) do
        parts[i], parts[count + 1 - i] = parts[count + 1 - i], parts[i]
    end
    return table.concat(parts, '.')
end

--- Returns the steps from the value of the old module to a function or table. In the
-- new module, the same steps lead to the counterpart.
-- @tparam table thing an item of `list_things`, or a record made by `entry_of`
-- @treturn {{kind, key},...}
local function steps_to(thing)
    local steps, count = {}, 0
    while thing.holder ~= nil do
        local way = thing.way or thing
        count = count + 1
        steps[count] = {way.kind, way.key}
        thing = way.holder
    end
    for i = 1, math.floor(count / 2) do
        steps[i], steps[count + 1 - i] = steps[count + 1 - i], steps[i]
    end
    return steps
end

local Matching = {}
Matching.__index = Matching

local function chunk_name(f)
    return getinfo(f, 'S').source
end

--- Calls `visit` for each step that leads from a function or table to another value.
-- @param thing the function or table
-- @tparam boolean is_own whether `thing` is a function of the module. If so, the
--   tables in its upvalues are visited as well as the functions.
-- @tparam table budget see `string_keys`
-- @tparam function visit (kind, key, value)
local function each_step(thing, is_own, budget, visit)
    if type(thing) == 'table' then
        for _, key in ipairs(string_keys(thing, budget)) do
            visit(FIELD, key, rawget(thing, key))
        end
        local metatable = getmetatable(thing)
        if type(metatable) == 'table' then
            visit(METATABLE, nil, metatable)
        end
        return
    end
    for index = 1, 255 do
        local name, value = getupvalue(thing, index)
        if name == nil then
            break
        end
        -- A library function may be a wrapper around a function of the module.
        -- Therefore, visit the functions in its upvalues, but not the tables.
        if type(value) == 'function' or is_own and type(value) == 'table' then
            visit(UPVALUE, name, value)
        end
    end
end

--- Lists the functions and tables of an old module in breadth-first order.
-- @param value value of the module
-- @tparam string source the unit to which the module's functions belong
-- @tparam table foreign set of functions and tables that belong to other modules
-- @tparam function unit_of (f) -> unit
-- @tparam ?function pause called for each function and table; it may yield
-- @treturn {table,...} one item for each function and table:
--   value: the function or table
--   holder: the earlier item from which `value` was first reached
--   kind, key: the step from `holder` to `value`
--   is_local: whether `value` is an upvalue of a function of the module
--   from: all steps from earlier items to `value`, {{number of the item, kind, key},
--     ...}
local function list_things(value, source, foreign, unit_of, pause)
    local things, numbers = {{value = value, from = {}}}, {[value] = 1}
    local first, budget = 1, {entries = ALL_ENTRIES}
    while things[first] ~= nil do
        if pause ~= nil then
            pause()
        end
        local number, holder = first, things[first]
        local is_own = type(holder.value) == 'function' and unit_of(holder.value) == source
        first = first + 1
        each_step(holder.value, is_own, budget, function(kind, key, child)
            local child_type = type(child)
            if (child_type ~= 'function' and child_type ~= 'table')
            or (foreign[child] and not rawequal(child, value)) then
                return
            end
            local child_number = numbers[child]
            if child_number == nil then
                if #things >= THINGS then
                    return
                end
                child_number = #things + 1
                numbers[child] = child_number
                things[child_number] = {
                    value = child,
                    holder = holder,
                    kind = kind,
                    key = key,
                    is_local = kind == UPVALUE and is_own,
                    from = {},
                }
            end
            -- Record only steps that lead to later items. `new` matches the items in
            -- the order of the list, and can follow a step only from a holder that it
            -- has already matched.
            if child_number > number then
                table.insert(things[child_number].from, {number, kind, key})
            end
        end)
    end
    return things
end

local function label(name)
    return name == '' and 'the module itself' or name
end

--- Checks whether a candidate can be the counterpart of an old function or table.
-- @tparam table thing the old function or table: {value, name}, or an item of
--   `list_things`
-- @param found the candidate, AMBIGUOUS or nil
-- @treturn[1] function|table the candidate, if it is the counterpart
-- @treturn[2] nil
-- @treturn[2] string why there is no counterpart
local function judge(thing, found)
    local name = label(thing.name or name_of(thing))
    if rawequal(found, AMBIGUOUS) then
        return nil, ('%s is ambiguous in the new code'):format(name)
    elseif found == nil then
        return nil, ('the new code has no %s'):format(name)
    elseif type(found) ~= type(thing.value) then
        return nil, ('%s is a %s in the new code'):format(name, type(found))
    end
    return found
end

--- Lists the functions and tables of an old module for a later call to `new`. Must be
-- called before new code runs, because new code may add functions to the tables of
-- the old module. Yields only in `pause`.
-- @tparam table options `old`, `source`, `foreign`, `unit_of` and `pause`, see `new`
-- @treturn {table,...} see `list_things`
local function list(options)
    local kind = type(options.old)
    if kind ~= 'table' and kind ~= 'function' then
        return {}
    end
    return list_things(options.old, options.source, options.foreign, options.unit_of or chunk_name,
        options.pause)
end

--- Matches the functions and tables of an old module with those of the new module.
-- Yields only in `pause`.
-- @tparam table options
--   things (optional): result of `list`. If it is set, only `new` and `pause` of the
--     other options are used.
--   old, new: the old and the new value of the module
--   source: the unit to which the old module's functions belong
--   foreign: set of functions and tables that belong to other modules
--   unit_of (optional): function (f) -> unit; by default, the unit is the chunk name
--   pause (optional): function that is called for each function and table; it may
--     yield
-- @treturn table object with the methods `find`, `each` and `counterpart`
local function new(options)
    -- `by_value` maps each old function or table to its item in `things`.
    local self = setmetatable({by_value = {}, things = {}}, Matching)
    local things = options.things or list(options)
    if #things == 0 then
        return self
    end
    things[1].new, self.things = options.new, things
    for number, thing in ipairs(things) do
        if options.pause ~= nil then
            options.pause()
        end
        self.by_value[thing.value] = thing
        for _, edge in ipairs(number > 1 and thing.from or {}) do
            local holder = things[edge[1]].new
            local found
            if holder ~= nil and not rawequal(holder, AMBIGUOUS) then
                found = follow(holder, edge[2], edge[3])
            end
            if found ~= nil and thing.new == nil then
                thing.new = found
                if edge ~= thing.from[1] then
                    thing.way = {holder = things[edge[1]], kind = edge[2], key = edge[3]}
                end
            elseif found ~= nil and not rawequal(thing.new, found) then
                thing.new = AMBIGUOUS
            end
        end
        if rawequal(thing.new, AMBIGUOUS) then
            local _
            _, thing.why = judge(thing, thing.new)
        end
    end
    return self
end

--- Returns the record of an old function or table. It contains what `name_of` and
-- `retrace` need, but does not keep the function or table itself in memory.
-- @tparam table thing item of `list_things`
-- @tparam ?string module name of the module, for the record
-- @treturn table {module, holder, kind, key, is_local, way, why}
local function entry_of(thing, module)
    local entry = thing.entry
    if entry == nil then
        local way = thing.way
        entry = {
            module = module,
            holder = thing.holder and entry_of(thing.holder, module),
            kind = thing.kind,
            key = thing.key,
            is_local = thing.is_local,
            why = thing.why,
            way = way and {holder = entry_of(way.holder, module), kind = way.kind, key = way.key},
        }
        thing.entry = entry
    end
    return entry
end

--- Returns the record of an old function or table, see `entry_of`.
-- @tparam function|table thing the old function or table
-- @tparam ?string module name of the module, for the record
-- @treturn ?table record for `name_of` and `retrace`; nil if the module has no such
--   function or table. The field `why` is set if several counterparts are possible.
function Matching:find(thing, module)
    local found = self.by_value[thing]
    return found and entry_of(found, module)
end

--- Calls `visit` for each function and table of the old module.
-- @tparam string module name of the module, for the records
-- @tparam function visit (value, record, candidate): the function or table, its
--   record (see `find`), and the candidate for its counterpart (see `judge`)
function Matching:each(module, visit)
    for _, thing in ipairs(self.things) do
        visit(thing.value, entry_of(thing, module), thing.new)
    end
end

--- Returns the counterpart of an old function or table.
-- @tparam function|table thing the old function or table
-- @return the results of `judge`
function Matching:counterpart(thing)
    local entry = self.by_value[thing]
    if entry == nil then
        return nil, 'it has no name in its module'
    end
    return judge(entry, entry.new)
end

--- Returns the counterpart of a function or table of an earlier generation. Starts at
-- the current value of the module, and follows the steps in the record of the
-- function or table.
-- @tparam function|table value the old function or table
-- @tparam table entry its record, a result of `find`
-- @param new_value the current value of the module
-- @return the results of `judge`
local function retrace(value, entry, new_value)
    local found = new_value
    for _, step in ipairs(steps_to(entry)) do
        found = follow(found, step[1], step[2])
        if found == nil then
            break
        end
    end
    return judge({value = value, name = name_of(entry)}, found)
end

return {
    FIELD = FIELD,
    METATABLE = METATABLE,
    UPVALUE = UPVALUE,
    follow = follow,
    list = list,
    name_of = name_of,
    new = new,
    retrace = retrace,
}
