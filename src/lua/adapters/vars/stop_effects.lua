--- Finds the variables of `cartridge.vars` that the `stop` of an old role assigns to, or
-- whose objects it shuts down. Analyses the bytecode of `stop` without calling it.
--
-- New roles start before the old ones stop, but must not find objects that `stop` will
-- shut down. For example, `vars.worker = vars.worker or fiber.create(loop)` would keep
-- a worker that `stop` later cancels.
--
-- A variable is found if `stop`, or a function that `stop` may call, does either of
-- these:
--   * It assigns to the variable.
--   * It uses the name of the variable, and the name of a method, such as `cancel`,
--     that shuts down the object in the variable.

local require = ...
local jutil = require('jit.util')

-- Names of methods that shut down an object.
local ENDING = {'cancel', 'close', 'destroy', 'disconnect', 'kill', 'shutdown', 'stop', 'terminate'}
-- Maximum number of examined functions.
local FUNCTIONS = 200

--- Returns the opcode that assigns to a field (`t.name = value`). Opcodes differ between
-- versions of LuaJIT, so this function compiles a sample and reads the opcode from it.
-- @treturn ?number nil if the bytecode has an unexpected format
local function find_assignment()
    local function probe(_, t, value)
        t.cartridge_reload = value
    end
    local instruction = jutil.funcbc(probe, 1)
    -- The expected operands are slot 2 (`value`), constant 0 (the field name) and slot
    -- 1 (`t`).
    if jutil.funck(probe, -1) ~= 'cartridge_reload' or bit.rshift(instruction, 8) ~= 0x010002 then
        return nil
    end
    return bit.band(instruction, 0xff)
end

--- Collects a function's string constants, and the names of the fields that it assigns
-- to. Includes nested functions.
-- @tparam function|proto f
-- @tparam ?number assignment opcode, see `find_assignment`
-- @tparam table named set to which all string constants are added
-- @tparam table assigned set to which the names of assigned fields are added
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

--- Returns whether a value has a shutdown method whose name is one of the given strings.
-- @param value a variable's value, or an entry of a list in a variable
-- @tparam table named set of the string constants in one function: `stop` itself, or a
--   function that `stop` may call
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

--- Returns whether a function might shut down the object in a variable. If the variable
-- holds a list of objects, examines only one of them.
-- @param value the value of the variable
-- @tparam table named see `is_ended`
local function is_ended_in(value, named)
    local kind = type(value)
    if kind == 'userdata' or kind == 'cdata' or (kind == 'table' and getmetatable(value) ~= nil) then
        return is_ended(value, named)
    elseif kind == 'table' then
        local _, first = next(value)
        return (type(first) == 'userdata' or type(first) == 'table') and is_ended(first, named)
    end
    return false
end

--- Returns the name of the module that owns a table of `cartridge.vars`.
-- @treturn ?string nil if the value is not a table of `cartridge.vars`
local function module_of(value)
    local metatable = type(value) == 'table' and debug.getmetatable(value)
    if type(metatable) == 'table' and rawget(metatable, '__type') == 'vars' then
        return rawget(value, 'module_name')
    end
    return nil
end

--- Finds the variables that the `stop` functions of roles might assign to, or whose
-- objects they might shut down.
-- @tparam {function,...} stops
-- @tparam function is_application (f) -> whether a function belongs to the application
-- @tparam table values name -> the variables under this name. The name is what was
--   passed to `cartridge.vars.new`, usually a module name.
-- @treturn {[string]={[string]=boolean,...},...} name -> set of the variables found
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
                    -- The upvalue is a module or an object. Examine each of its
                    -- functions whose name is a string constant of `f`.
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
                    if assigned[name] or (named[name] and is_ended_in(value, named)) then
                        result[module][name] = true
                    end
                end
            end
        end
    end
    return result
end
