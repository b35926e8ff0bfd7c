--- Determines to which generation and module a function belongs.
--
-- LuaJIT creates one prototype for each function of a chunk. Loading the same file
-- again creates different prototypes. Therefore a function belongs to the new
-- generation if and only if its prototype comes from a chunk that the reload has loaded.
-- The state table records the prototypes of earlier generations. Code loaded before the
-- first reload is recognised by its file.
--
-- A unit is a module and all code that is reloaded with it. Code that the module creates
-- with `loadstring` or loads with `dofile` belongs to the module's unit. A unit is
-- identified by the chunk name `@path` of the module's file.

local require = ...
local fiber = require('fiber')
local jutil = require('jit.util')

local Ownership = {}
Ownership.__index = Ownership

-- Chunk names that do not identify code. LuaJIT gives them to code without a name, such
-- as code from standard input.
local NAMELESS = {['=?'] = true, ['=(load)'] = true, ['=stdin'] = true}

--- Creates an empty record of a reload's new code.
-- @tparam ?table stash see `core.stash`; contains the units of earlier generations
local function new(stash)
    return setmetatable({
        -- Prototype of new code -> unit. The references are strong, because a prototype
        -- that has no closure yet could otherwise be garbage-collected.
        protos = {},
        files = {},         -- set of chunk names whose code is replaced
        aliases = {},       -- chunk name other than the path of the file -> unit
        learned = {},       -- prototype of old code -> unit
        stash = stash or {},
        adopted = {},
        calls_old = false,
        stopping = nil,     -- fiber that calls the `stop` of an old role
    }, Ownership)
end

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

--- Collects the prototypes of all functions that are nested in a function.
-- @tparam table set receives prototype -> unit
-- @tparam function|proto proto_holder the outer function, or its prototype
-- @tparam string unit
-- @treturn table the set
local function add(set, proto_holder, unit)
    -- `funck` returns the constant with the given index. Garbage-collected constants,
    -- such as prototypes, have negative indexes.
    local index = -1
    while true do
        local constant = jutil.funck(proto_holder, index)
        if constant == nil then
            return set
        end
        if type(constant) == 'proto' and not set[constant] then
            set[constant] = unit
            add(set, constant, unit)
        end
        index = index - 1
    end
end

--- Records all functions of a compiled file as new code.
-- @tparam function chunk result of `loadstring`
-- @tparam string path of the file
function Ownership:record(chunk, path)
    local unit, source = '@' .. path, jutil.funcinfo(chunk).source
    self:take(chunk, unit)
    self.files[unit] = true
    -- Bytecode keeps the chunk name that was given when it was compiled. That name may
    -- differ from the path of the bytecode file.
    if source ~= unit and source:match('^[@=]') and not NAMELESS[source] then
        self:add_source(source, unit)
    end
end

--- Assigns all code with a given chunk name to a unit. Does nothing if the chunk name
-- is already recorded.
-- @tparam string source chunk name
-- @tparam string unit
function Ownership:add_source(source, unit)
    if not self.files[source] then
        self.files[source] = true
        self.aliases[source] = unit
    end
end

--- Records the units of old code that no reload has loaded. `reach` has determined
-- these units, because they cannot be derived from chunk names.
-- @tparam table protos prototype -> unit
function Ownership:learn(protos)
    for proto, unit in pairs(protos) do
        self.learned[proto] = unit
        for inner in pairs(add({}, proto, unit)) do
            self.learned[inner] = unit
        end
    end
end

--- Reverts `learn` for code that was wrongly attributed to reloaded modules. Also removes
-- the records of all other code from the same files, except for the files in `loaded`,
-- whose old code the reload does replace.
-- @tparam table protos set of the prototypes of the wrongly attributed code
-- @tparam table loaded set of paths of the files that new code has loaded again
function Ownership:disown(protos, loaded)
    local sources = {}
    for proto in pairs(protos) do
        local source = jutil.funcinfo(proto).source
        self.learned[proto] = nil
        if source:sub(1, 1) == '@' and not loaded[source:sub(2)] then
            sources[source] = true
        end
    end
    for source in pairs(sources) do
        self.files[source], self.aliases[source] = nil, nil
    end
    for proto in pairs(self.learned) do
        if sources[jutil.funcinfo(proto).source] then
            self.learned[proto] = nil
        end
    end
end

--- Records a function and all functions nested in it as new code.
-- @tparam function|proto code the function, or its prototype
-- @tparam string unit
function Ownership:take(code, unit)
    self.protos[type(code) == 'function' and proto_of(code) or code] = unit
    add(self.protos, code, unit)
end

--- Returns the unit of a new function, or of an old function recorded by `learn`.
-- @treturn ?string nil for any other function
function Ownership:unit_of(f)
    local proto = proto_of(f)
    return proto and (self.protos[proto] or self.learned[proto])
end

--- Returns the unit of the innermost new function on the stack.
-- @tparam number level stack level at which to start, as in debug.getinfo
-- @treturn ?string
function Ownership:unit_on_stack(level)
    level = level + 1
    while true do
        local info = debug.getinfo(level, 'f')
        if info == nil then
            return nil
        end
        local unit = self.protos[proto_of(info.func)]
        if unit ~= nil then
            return unit
        end
        level = level + 1
    end
end

--- Records that old code from a file is replaced even though no new code is loaded from
-- that file.
function Ownership:forget(path)
    self.files['@' .. path] = true
end

--- Returns whether a value is a function of the new generation.
function Ownership:is_new(f)
    if type(f) ~= 'function' then
        return false
    end
    local proto = proto_of(f)
    return proto ~= nil and self.protos[proto] ~= nil
end

--- Returns whether a value is an old function: it belongs to an earlier generation, and
-- this reload replaces its code.
function Ownership:is_old(f)
    if type(f) ~= 'function' then
        return false
    end
    local proto = proto_of(f)
    if proto == nil or self.protos[proto] ~= nil then
        return false
    end
    local unit = self.learned[proto] or self.stash.units and self.stash.units[proto]
    return self.files[unit or debug.getinfo(f, 'S').source] ~= nil
end

--- Returns the unit of an old function, see `is_old`.
function Ownership:old_unit_of(f)
    local proto = proto_of(f)
    local source = debug.getinfo(f, 'S').source
    return self.learned[proto] or self.stash.units and self.stash.units[proto]
        or self.aliases[source] or source
end

--- Returns whether two functions are closures of the same code.
function Ownership.is_same(f, g)
    return f == g or (type(f) == 'function' and type(g) == 'function'
        and proto_of(f) ~= nil and proto_of(f) == proto_of(g))
end

-- Maximum number of functions that are examined to find a wrapped function. A function
-- that refers to more functions than this is probably not a wrapper.
local WRAPPERS = 64

--- Calls `visit` with a function and with all functions that it may wrap. A function
-- may wrap the functions in its upvalues, in the upvalues of those functions, and so
-- on.
-- @tparam function f
-- @tparam function visit (function) -> any value; a value other than nil ends the
--   search
-- @return the value that ended the search, or nil
local function each_wrapped(f, visit)
    local queue, seen, next_one = {f}, {}, 1
    while queue[next_one] ~= nil and next_one <= WRAPPERS do
        local candidate = queue[next_one]
        next_one = next_one + 1
        if type(candidate) == 'function' and not seen[candidate] then
            seen[candidate] = true
            local result = visit(candidate)
            if result ~= nil then
                return result
            end
            for i = 1, 255 do
                local name, value = debug.getupvalue(candidate, i)
                if name == nil then
                    break
                elseif type(value) == 'function' then
                    table.insert(queue, value)
                end
            end
        end
    end
    return nil
end

local function wraps(f, test)
    return each_wrapped(f, function(g)
        return test(g) or nil
    end) or false
end

--- Returns whether a function is old, or wraps an old function.
function Ownership:wraps_old(f)
    -- A new function that refers to an old function is still new code.
    return not self:is_new(f) and wraps(f, function(g)
        return self:is_old(g)
    end)
end

--- Applies a test to a function and to all functions that it may wrap. Returns the
-- functions that pass the test.
-- @tparam function f
-- @tparam function test (function) -> boolean
-- @treturn {function,...}
function Ownership.list_wrapped(f, test)
    local list = {}
    each_wrapped(f, function(g)
        if test(g) then
            table.insert(list, g)
        end
    end)
    return list
end

--- Returns whether a function is new, or wraps a new function.
function Ownership:wraps_new(f)
    return wraps(f, function(g)
        return self:is_new(g)
    end)
end

--- Records that the transaction runs in the current fiber.
function Ownership:enter()
    self.fiber = fiber.id()
end

--- Returns whether the transaction runs in the current fiber.
function Ownership:is_own_fiber()
    return self.fiber == fiber.id()
end

--- Returns whether a function of the new generation is on the stack.
function Ownership:is_calling()
    local level = 2
    while true do
        local info = debug.getinfo(level, 'f')
        if info == nil then
            return false
        elseif self:is_new(info.func) then
            return true
        end
        level = level + 1
    end
end

--- Records a fiber that new code has started. All code that runs in this fiber counts
-- as new code.
-- @tparam number id of the fiber
function Ownership:adopt(id)
    self.adopted[id] = true
end

--- Calls the `stop` function of an old role as old code. The function sees the modules,
-- services and variables of its own generation. Only old code sees the changes that the
-- function makes.
function Ownership:call_stop(f, ...)
    self.calls_old, self.stopping = true, fiber.id()
    local result = {f(...)}
    self.calls_old, self.stopping = false, nil
    return unpack(result)
end

--- Returns whether the current fiber is executing the `stop` function of an old role,
-- see `call_stop`.
function Ownership:is_stopping()
    return self.stopping ~= nil and self.stopping == fiber.id()
end

--- Returns whether the caller is old code. Searches the stack for the innermost
-- function that is either old or new, and returns whether this function is old.
function Ownership:is_old_code()
    local level = 2
    while true do
        local info = debug.getinfo(level, 'f')
        if info == nil or self:is_new(info.func) then
            return false
        elseif self:is_old(info.func) then
            return true
        end
        level = level + 1
    end
end

--- Returns whether the caller counts as new code. At least one of these must hold: a new
-- function is on the stack; new code has started the current fiber; or the transaction
-- runs in this fiber and is not calling old code.
function Ownership:is_new_code()
    local id = fiber.id()
    return (self.fiber == id and not self.calls_old) or self.adopted[id] ~= nil or self:is_calling()
end

--- Returns whether the caller runs on behalf of the transaction: as new code, or as old
-- code that the transaction has called.
function Ownership:is_asking()
    return self.fiber == fiber.id() or self:is_new_code()
end

--- Drops all records. Afterwards, no function counts as new or old.
function Ownership:release()
    self.protos, self.files, self.aliases, self.learned = {}, {}, {}, {}
    self.adopted, self.stash = {}, {}
end

return {
    is_same = Ownership.is_same,
    list_wrapped = Ownership.list_wrapped,
    new = new,
}
