--- The qualified names of the functions and tables of a module: how the module
-- itself, or another function of it, calls them.
--
--	get		field of what the module returns
--	Class.run	the same, further down
--	helper		a local function or table that a function of the
--			module uses
--
-- A name says what in the next generation is the counterpart: what has the
-- same name. So nothing is given a name that depends on the order of things.

-- What a module has in its tables is code up to this size, and data beyond.
local ENTRIES = 1000
-- Objects of a module that are looked at.
local OBJECTS = 5000

--- Stands for several functions of the same name.
local AMBIGUOUS = {}

local Names = {}
Names.__index = Names

--- Begins with no names.
local function new()
    return setmetatable({
        of = setmetatable({}, {__mode = 'k'}),      -- function or table -> {name -> true}
        modules = {},                               -- module -> {name -> object or type}
    }, Names)
end

local function add(self, names, name, object)
    if names[name] == nil then
        names[name] = object
    elseif names[name] ~= object then
        names[name] = AMBIGUOUS
    end
    self.of[object] = self.of[object] or {}
    self.of[object][name] = true
end

local function string_keys(object)
    local keys, count = {}, 0
    for key in next, object do
        count = count + 1
        if count > ENTRIES then
            return {}
        end
        if type(key) == 'string' then
            table.insert(keys, key)
        end
    end
    table.sort(keys)
    return keys
end

--- Names the functions of one module. Does not yield.
-- @tparam string module
-- @param value of the module
-- @tparam string source of its functions, as `debug.getinfo` has it
-- @tparam table foreign set of objects that belong to others
function Names:collect(module, value, source, foreign)
    local names, seen, queue, first = {}, {}, {}, 1
    self.modules[module] = names

    local function found(object, name)
        local object_type = type(object)
        if object_type == 'function' then
            if debug.getinfo(object, 'S').source == source then
                add(self, names, name, object)
            end
        elseif object_type ~= 'table' or (foreign[object] and object ~= value) then
            -- It is of use to say what has become of a function.
            names[name] = names[name] or object_type
            return
        else
            add(self, names, name, object)
        end
        if not seen[object] then
            seen[object] = true
            table.insert(queue, {object = object, name = name})
        end
    end

    found(value, '')
    while queue[first] ~= nil and first <= OBJECTS do
        local object, name = queue[first].object, queue[first].name
        queue[first] = false
        first = first + 1
        local prefix = name == '' and '' or name .. '.'
        if type(object) == 'table' then
            for _, key in ipairs(string_keys(object)) do
                found(rawget(object, key), prefix .. key)
            end
            local metatable = debug.getmetatable(object)
            if metatable ~= nil then
                found(metatable, prefix .. '(metatable)')
            end
        else
            local is_own = debug.getinfo(object, 'S').source == source
            for index = 1, 255 do
                local upvalue, held = debug.getupvalue(object, index)
                if upvalue == nil then
                    break
                end
                -- A function of a library may hold one of the module, as
                -- wrappers do: the name of its upvalue is not of the module.
                if type(held) == 'function' or is_own and type(held) == 'table' then
                    found(held, is_own and upvalue or prefix .. '(' .. upvalue .. ')')
                end
            end
        end
    end
end

--- The names of a function or table, if it has any.
-- @treturn ?{string,...} sorted
function Names:list(f)
    if self.of[f] == nil then
        return nil
    end
    local list = {}
    for name in pairs(self.of[f]) do
        table.insert(list, name)
    end
    table.sort(list)
    return list
end

--- What has one of some names in a module.
-- @tparam string module
-- @tparam {string,...} names
-- @treturn[1] function or table
-- @treturn[2] nil
-- @treturn[2] string why there is not exactly one
function Names:find(module, names)
    local known = self.modules[module]
    if known == nil then
        return nil, ('module %s is not loaded any more'):format(module)
    end
    local result, missing
    for _, name in ipairs(names) do
        local object = known[name]
        if object == AMBIGUOUS or (result ~= nil and object ~= nil and object ~= result) then
            return nil, ('the new code has several things called %s'):format(name)
        elseif type(object) == 'string' then
            missing = ('%s is a %s in the new code'):format(name, object)
        elseif object ~= nil then
            result = object
        else
            missing = missing or ('the new code has no %s'):format(name)
        end
    end
    if result == nil then
        return nil, missing
    end
    return result
end

return {new = new}
