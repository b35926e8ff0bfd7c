--- Determines which variables of `cartridge.vars` the `stop` of an old role
-- releases or unsets, from its bytecode, without calling it.
--
-- New roles start before the old ones stop, but must see the state after that:
-- `vars.worker = vars.worker or fiber.create(loop)` must not keep a worker that
-- `stop` is about to cancel. A variable is considered released if a function
-- that `stop` may call assigns to it, or names it together with a method that
-- ends objects.

local require = ...
local jutil = require('jit.util')

-- Methods that end an object.
local ENDING = {'cancel', 'close', 'destroy', 'disconnect', 'kill', 'shutdown', 'stop', 'terminate'}
-- How many functions are examined.
local FUNCTIONS = 200

--- Returns the opcode of `t.name = value`, found in a function that contains it:
-- opcodes differ between versions of LuaJIT.
local function find_assignment()
    local function probe(_, t, value)
        t.cartridge_reload = value
    end
    local instruction = jutil.funcbc(probe, 1)
    -- Operands: the slots of value and table, and the number of the constant.
    if jutil.funck(probe, -1) ~= 'cartridge_reload' or bit.rshift(instruction, 8) ~= 0x010002 then
        return nil
    end
    return bit.band(instruction, 0xff)
end

--- Collects the strings among the constants of a function and of those inside it,
-- and the names of the fields that they assign.
-- @tparam ?number assignment opcode
local function collect(f, assignment, named, assigned)
    for pc = 1, math.huge do
        local instruction = jutil.funcbc(f, pc)
        if instruction == nil then
            break
        elseif assignment ~= nil and bit.band(instruction, 0xff) == assignment then
            local name = jutil.funck(f, -1 - bit.band(bit.rshift(instruction, 16), 0xff))
            if type(name) == 'string' then
                assigned[name] = true
            end
        end
    end
    for index = -1, -math.huge, -1 do
        local constant = jutil.funck(f, index)
        if constant == nil then
            break
        elseif type(constant) == 'string' then
            named[constant] = true
        elseif type(constant) == 'proto' then
            collect(constant, assignment, named, assigned)
        end
    end
end

--- Whether one of the named methods ends a value.
local function is_ended(value, named)
    for _, method in ipairs(ENDING) do
        if named[method] then
            local ok, f = pcall(function()
                return value[method]
            end)
            if ok and type(f) == 'function' then
                return true
            end
        end
    end
    return false
end

--- Whether a value, or an element of a plain list, is ended.
local function is_held(value, named)
    local kind = type(value)
    if kind == 'userdata' or kind == 'cdata' or (kind == 'table' and getmetatable(value) ~= nil) then
        return is_ended(value, named)
    elseif kind == 'table' then
        local _, first = next(value)
        return (type(first) == 'userdata' or type(first) == 'table') and is_ended(first, named)
    end
    return false
end

--- Returns the module whose variables a table holds, if it is a `cartridge.vars`
-- object.
local function module_of(value)
    local metatable = type(value) == 'table' and debug.getmetatable(value)
    if type(metatable) == 'table' and rawget(metatable, '__type') == 'vars' then
        return rawget(value, 'module_name')
    end
    return nil
end

--- @tparam {function,...} stops
-- @tparam function is_application f -> whether its code is of the application
-- @tparam table values module name -> its variables
-- @treturn {[string]={[string]=boolean,...},...} name under which variables are
--   kept, most often that of a module -> set of those that are ended
return function(stops, is_application, values)
    local assignment = find_assignment()
    local result, queue, seen = {}, {}, {}
    for _, f in ipairs(stops) do
        table.insert(queue, f)
    end
    local next_one = 1
    while queue[next_one] ~= nil and next_one <= FUNCTIONS do
        local f = queue[next_one]
        next_one = next_one + 1
        if not seen[f] and is_application(f) then
            seen[f] = true
            local named, assigned, modules = {}, {}, {}
            collect(f, assignment, named, assigned)
            for i = 1, 255 do
                local name, value = debug.getupvalue(f, i)
                if name == nil then
                    break
                elseif type(value) == 'function' then
                    table.insert(queue, value)
                elseif module_of(value) ~= nil then
                    table.insert(modules, module_of(value))
                elseif type(value) == 'table' then
                    -- A module or an object: examine the methods that are
                    -- called.
                    for field in pairs(named) do
                        local method = rawget(value, field)
                        if type(method) == 'function' then
                            table.insert(queue, method)
                        end
                    end
                end
            end
            for _, module in ipairs(modules) do
                result[module] = result[module] or {}
                for name, value in pairs(values[module] or {}) do
                    if assigned[name] or (named[name] and is_held(value, named)) then
                        result[module][name] = true
                    end
                end
            end
        end
    end
    return result
end
