--- Whose code is it? Tells the functions of the new generation from those of
-- earlier ones, without any state from before.
--
-- LuaJIT keeps one prototype for each function of a chunk; loading the same
-- file again gives other ones. So the prototypes of the chunks that we load
-- are exactly the new generation, and a function that comes from a reloaded
-- file but has none of them is old.

local require = ...
local fiber = require('fiber')
local jutil = require('jit.util')

local Origin = {}
Origin.__index = Origin

--- Begins with no new code.
local function new()
    return setmetatable({
        -- Strong while the transaction runs: nothing else may hold a prototype
        -- whose closures are still to be made.
        protos = {},
        files = {},
        adopted = {},
        calls_old = false,
    }, Origin)
end

local function proto_of(f)
    return jutil.funcinfo(f).proto
end

local function add(set, proto_holder)
    -- funck takes functions and prototypes alike; constants that are
    -- garbage-collected objects have negative indexes.
    local index = -1
    while true do
        local constant = jutil.funck(proto_holder, index)
        if constant == nil then
            return
        end
        if type(constant) == 'proto' and not set[constant] then
            set[constant] = true
            add(set, constant)
        end
        index = index - 1
    end
end

--- Records a chunk of the new generation.
-- @tparam function chunk as loadstring made it
-- @tparam string path of its file
function Origin:record(chunk, path)
    self.protos[proto_of(chunk)] = true
    add(self.protos, chunk)
    self.files['@' .. path] = true
end

--- Counts a file as one of the application whose code is replaced, also if the
-- new generation does not load it.
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
    return proto ~= nil and self.protos[proto] == nil
        and self.files[debug.getinfo(f, 'S').source] ~= nil
end

--- Whether two functions are closures of the same piece of code.
function Origin.is_same(f, g)
    return f == g or (type(f) == 'function' and type(g) == 'function'
        and proto_of(f) ~= nil and proto_of(f) == proto_of(g))
end

-- Handlers are often closures of a library around a function of the
-- application: how many functions to look at for that. A wrapper has a few
-- upvalues; what has many is a module of its own.
local WRAPPERS = 64

--- Walks a function and those that it wraps.
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
    -- New code may hold on to an old function; that does not make it old.
    return not self:is_new(f) and wraps(f, function(g)
        return self:is_old(g)
    end)
end

--- The functions of a test that a function wraps, or is.
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

--- Makes a fiber one that works for the new generation, whatever is on its
-- stack: new code has started it.
function Origin:adopt(id)
    self.adopted[id] = true
end

--- Calls old code for the transaction, such as the `stop` of a role: it finds
-- its own modules and services, but what it changes is to be staged.
function Origin:call_old(f, ...)
    self.calls_old = true
    local result = {f(...)}
    self.calls_old = false
    return unpack(result)
end

--- Whether the caller is new code: in a fiber that works for the transaction or
-- that new code has started, or with new code on the stack.
function Origin:is_new_code()
    local id = fiber.id()
    return (self.fiber == id and not self.calls_old) or self.adopted[id] ~= nil or self:is_calling()
end

--- Whether the caller acts for the transaction: new code, and also old code that
-- the transaction calls.
function Origin:is_asking()
    return self.fiber == fiber.id() or self:is_new_code()
end

--- Forgets the code: nothing is new or old any more.
function Origin:release()
    self.protos, self.files, self.adopted = {}, {}, {}
end

return {
    is_same = Origin.is_same,
    list_wrapped = Origin.list_wrapped,
    new = new,
}
