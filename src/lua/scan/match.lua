--- Matches an old module with its new version: functions, and tables such as
-- classes.
--
-- The values of the two modules are counterparts. From there on, what one
-- counterpart has under a name corresponds to what the other has under the same
-- name: a field of a table, a metatable, a local variable used by a function.
-- So a function is named as its developer would name it:
--
--   	get		field of the module's value
--   	Class.run	the same, further down
--   	helper		a local function or table used by another function
--
-- If two paths lead to different counterparts, there is none: nothing is
-- guessed, and nothing depends on the order of traversal.

-- A larger table in a module is data, not code.
local ENTRIES = 1000
-- Limits for the things of a module, and for the entries of all its tables:
-- more of them are data.
local THINGS, ALL_ENTRIES = 3000, 5000
-- Maximum number of parts of a name.
local PARTS = 8

-- Kinds of steps from one thing to the next.
local FIELD, UPVALUE, METATABLE = 1, 2, 3

--- Marks a thing with more than one counterpart.
local AMBIGUOUS = {}

local getinfo, getmetatable, getupvalue = debug.getinfo, debug.getmetatable, debug.getupvalue

--- Returns the value of an upvalue by its name.
-- @return nil if there is none, or several of that name
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

--- Follows a step from a thing.
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
-- @tparam table thing
-- @tparam table budget `entries` that may still be looked at
-- @treturn {string,...} empty if it is too large to be code
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

--- Returns the name of a thing: the path to it from the module; a local variable
-- has just its name.
local function name_of(thing)
    local parts, count = {}, 0
    while thing.holder ~= nil and count < PARTS do
        local part, kind = thing.key, thing.kind
        if kind == METATABLE then
            part = '(metatable)'
        elseif kind == UPVALUE and not thing.is_local then
            -- The name was chosen by a library and is not meaningful.
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

--- Returns the path from the module's value to a thing, which leads to its
-- counterpart.
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

--- Calls back for each step from a thing.
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
        -- A library function may hold one of the module, as wrappers do.
        if type(value) == 'function' or is_own and type(value) == 'table' then
            visit(UPVALUE, name, value)
        end
    end
end

--- Walks an old module, breadth first.
-- @param value of the module
-- @tparam string source of its functions
-- @tparam table foreign set of things that belong to others
-- @tparam function unit_of (f) -> source
-- @tparam ?function pause called for each thing; it may yield
-- @treturn {table,...} things in their order: {value, holder = the thing through
--   which it was reached first, kind and key of that step, is_local, from =
--   {{number of a thing before, kind, key}, ...}}
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
            -- A step back adds no information.
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

--- Decides whether a candidate is the counterpart.
-- @treturn[1] the function or table
-- @treturn[2] nil
-- @treturn[2] string why there is none
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

--- Lists the contents of an old module, for `new`. This is done before new code
-- runs, which may add functions to tables that it shares with the old module.
-- Yields only in `pause`.
-- @tparam table options `old`, `source`, `foreign`, `unit_of` and `pause` as for `new`
-- @treturn {table,...} things, see `list_things`
local function list(options)
    local kind = type(options.old)
    if kind ~= 'table' and kind ~= 'function' then
        return {}
    end
    return list_things(options.old, options.source, options.foreign, options.unit_of or chunk_name,
        options.pause)
end

--- Matches a module. Yields only in `pause`.
-- @tparam table options
--   things: optional: a result of `list`; the options of `list` may be missing then
--   old, new: values of the module
--   source: of the functions of the old one, as `debug.getinfo` has it
--   foreign: set of things that belong to others
--   unit_of: optional: function (f) -> what is compared with the source, if that
--     is not the name of its chunk
--   pause: optional: function that is called for each thing
-- @treturn table
local function new(options)
    -- Old thing -> its entry.
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

--- Returns a record of a thing that does not keep it alive: `holder`, `kind`,
-- `key`, `is_local`, `way` and `why` as in the thing.
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

--- Returns the record of an old thing, which does not keep it alive.
-- @return thing
-- @tparam ?string module its name, for the entry
-- @treturn ?table entry, see `name_of` and `retrace`; with `module`, and with
--   `why` if its path does not identify a single thing
function Matching:find(thing, module)
    local found = self.by_value[thing]
    return found and entry_of(found, module)
end

--- Calls back for each thing.
-- @tparam string module its name, for the entries
-- @tparam function visit (thing, entry, what stands for it in the new code)
function Matching:each(module, visit)
    for _, thing in ipairs(self.things) do
        visit(thing.value, entry_of(thing, module), thing.new)
    end
end

--- Returns the counterpart of an old thing.
-- @treturn as `judge`
function Matching:counterpart(thing)
    local entry = self.by_value[thing]
    if entry == nil then
        return nil, 'it has no name in its module'
    end
    return judge(entry, entry.new)
end

--- Returns the counterpart of a thing of an earlier generation, by its recorded
-- path.
-- @param value of the thing
-- @tparam table entry as `find` gave it then
-- @param new value of the module now
-- @treturn as `judge`
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
