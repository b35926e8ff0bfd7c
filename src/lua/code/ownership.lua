--- Ownership: whose code is it? Distinguishes the functions of the new
-- generation from those of earlier ones.
--
-- LuaJIT creates one prototype for each function of a chunk, and loading the
-- same file again creates different ones. So the prototypes of the chunks
-- loaded by a reload are exactly the new generation. Those of earlier
-- generations are in the state table; code loaded before the first reload is
-- recognised by its file.
--
-- The unit of a prototype is the module with which it is reloaded, as the chunk
-- name `@path` of the module's file. Code that a module creates with
-- `loadstring` or loads with `dofile` belongs to its unit.

local require = ...
local fiber = require('fiber')
local jutil = require('jit.util')

local Origin = {}
Origin.__index = Origin

-- Chunk names without information: of unnamed strings and of stripped code.
local NAMELESS = {['=?'] = true, ['=(load)'] = true, ['=stdin'] = true}

--- Starts without any new code.
-- @tparam ?table registry of the instance, for what is known of earlier
--   generations
local function new(registry)
    return setmetatable({
        -- Prototype -> unit. Strong while the transaction runs: nothing else
        -- may hold a prototype whose closures are yet to be created.
        protos = {},
        files = {},         -- set of chunk names whose code is replaced
        aliases = {},       -- chunk name that is not its path -> unit
        learned = {},       -- prototype of old code -> unit
        registry = registry or {},
        adopted = {},
        calls_old = false,
        stopping = nil,     -- fiber that calls the `stop` of an old role
    }, Origin)
end

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

--- Adds the prototypes inside a function or prototype to a set, and returns it.
local function add(set, proto_holder, unit)
    -- `funck` accepts functions and prototypes; constants that are
    -- garbage-collected objects have negative indexes.
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

--- Records a chunk of the new generation.
-- @tparam function chunk as loadstring made it
-- @tparam string path of its file
function Origin:record(chunk, path)
    local unit, source = '@' .. path, jutil.funcinfo(chunk).source
    self:take(chunk, unit)
    self.files[unit] = true
    -- Bytecode contains the chunk name with which it was compiled.
    if source ~= unit and source:match('^[@=]') and not NAMELESS[source] then
        self:add_source(source, unit)
    end
end

--- Assigns code with another chunk name to a unit.
-- @tparam string source chunk name
-- @tparam string unit
function Origin:add_source(source, unit)
    if not self.files[source] then
        self.files[source] = true
        self.aliases[source] = unit
    end
end

--- Records old code that was loaded before the first reload.
-- @tparam table protos prototype -> unit
function Origin:learn(protos)
    for proto, unit in pairs(protos) do
        self.learned[proto] = unit
        for inner in pairs(add({}, proto, unit)) do
            self.learned[inner] = unit
        end
    end
end

--- Reverts that for code that turned out to belong to others.
-- @tparam table protos set of prototypes
-- @tparam table loaded set of the paths that new code has loaded again
function Origin:disown(protos, loaded)
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

--- Marks a function, or a prototype, and everything inside it as new code.
-- @tparam function|proto code
-- @tparam string unit
function Origin:take(code, unit)
    self.protos[type(code) == 'function' and proto_of(code) or code] = unit
    add(self.protos, code, unit)
end

--- Returns the unit of a new function, or of one known to be old.
-- @treturn ?string
function Origin:unit_of(f)
    local proto = proto_of(f)
    return proto and (self.protos[proto] or self.learned[proto])
end

--- Returns the unit of the nearest new function on the stack.
-- @tparam number level of the first function to examine, as in debug.getinfo
-- @treturn ?string
function Origin:unit_on_stack(level)
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

--- Marks the code of a file as replaced, even if the new generation does not
-- load it.
function Origin:forget(path)
    self.files['@' .. path] = true
end

--- Whether a value is a function of the new generation.
function Origin:is_new(f)
    if type(f) ~= 'function' then
        return false
    end
    local proto = proto_of(f)
    return proto ~= nil and self.protos[proto] ~= nil
end

--- Whether a value is a function of an earlier generation.
function Origin:is_old(f)
    if type(f) ~= 'function' then
        return false
    end
    local proto = proto_of(f)
    if proto == nil or self.protos[proto] ~= nil then
        return false
    end
    local unit = self.learned[proto] or self.registry.units and self.registry.units[proto]
    return self.files[unit or debug.getinfo(f, 'S').source] ~= nil
end

--- Returns the unit of a function of an earlier generation, see `is_old`.
function Origin:old_unit_of(f)
    local proto = proto_of(f)
    local source = debug.getinfo(f, 'S').source
    return self.learned[proto] or self.registry.units and self.registry.units[proto]
        or self.aliases[source] or source
end

--- Whether two functions are closures of the same code.
function Origin.is_same(f, g)
    return f == g or (type(f) == 'function' and type(g) == 'function'
        and proto_of(f) ~= nil and proto_of(f) == proto_of(g))
end

-- Handlers are often library closures around a function of the application;
-- this many functions are examined. A wrapper has few upvalues, a function with
-- many is a module of its own.
local WRAPPERS = 64

--- Walks a function and the functions that it wraps.
-- @tparam function f
-- @tparam function visit called with each; what it returns other than nil ends
--   the walk and is returned
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

--- Whether a function is old, or a closure around an old one.
function Origin:wraps_old(f)
    -- New code may hold an old function, which does not make it old.
    return not self:is_new(f) and wraps(f, function(g)
        return self:is_old(g)
    end)
end

--- Returns the functions, among a function and those it wraps, that pass a test.
-- @treturn {function,...}
function Origin.list_wrapped(f, test)
    local list = {}
    each_wrapped(f, function(g)
        if test(g) then
            table.insert(list, g)
        end
    end)
    return list
end

--- Whether a function is new, or a closure around a new one.
function Origin:wraps_new(f)
    return wraps(f, function(g)
        return self:is_new(g)
    end)
end

--- Makes the running fiber the one that works for the new generation.
function Origin:enter()
    self.fiber = fiber.id()
end

--- Whether the running fiber works for the new generation.
function Origin:is_own_fiber()
    return self.fiber == fiber.id()
end

--- Whether a function of the new generation is on the stack.
function Origin:is_calling()
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

--- Treats a fiber as working for the new generation, whatever is on its stack,
-- because new code has started it.
function Origin:adopt(id)
    self.adopted[id] = true
end

--- Calls the `stop` of an old role, which sees the modules, services and
-- variables of its own generation; its changes to them are visible only to
-- itself.
function Origin:call_stop(f, ...)
    self.calls_old, self.stopping = true, fiber.id()
    local result = {f(...)}
    self.calls_old, self.stopping = false, nil
    return unpack(result)
end

--- Whether the caller is the `stop` of an old role.
function Origin:is_stopping()
    return self.stopping ~= nil and self.stopping == fiber.id()
end

--- Whether the caller is code of an earlier generation: the nearest application
-- function on the stack is old.
function Origin:is_old_code()
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

--- Whether the caller is new code: in a fiber that works for the transaction or
-- was started by new code, or with new code on the stack.
function Origin:is_new_code()
    local id = fiber.id()
    return (self.fiber == id and not self.calls_old) or self.adopted[id] ~= nil or self:is_calling()
end

--- Whether the caller acts for the transaction: new code, or old code called by
-- the transaction.
function Origin:is_asking()
    return self.fiber == fiber.id() or self:is_new_code()
end

--- Forgets the code: nothing is new or old any more.
function Origin:release()
    self.protos, self.files, self.aliases, self.learned = {}, {}, {}, {}
    self.adopted, self.registry = {}, {}
end

return {
    is_same = Origin.is_same,
    list_wrapped = Origin.list_wrapped,
    new = new,
}
