--- Finds code of a module that is not in its own file, as far as it is visible
-- from outside: files that it loaded itself with `dofile` and the like before
-- any reload, and code without a useful chunk name.
--
-- The module is walked from its value through tables, metatables and upvalues.
-- Objects of other modules, libraries and the server are not entered.

local require = ...
local catalog = require('code.catalog')
local jutil = require('jit.util')
local slice = require('core.yield')

-- A table with more entries is data, and so is a module with more objects.
local ENTRIES, OBJECTS = 1000, 5000

--- Adds tables in global variables that are not modules: the main script stores
-- its own there.
local function add_globals(set)
    local queue, first = {_G}, 1
    while queue[first] ~= nil and #queue < OBJECTS do
        local left = ENTRIES
        for _, value in next, queue[first] do
            left = left - 1
            if left == 0 then
                break
            elseif type(value) == 'table' and not set[value] then
                set[value] = true
                table.insert(queue, value)
            end
        end
        first = first + 1
        slice.pause()
    end
end

--- Returns objects owned by others, which are not entered. May yield.
-- @treturn table set of tables and functions
local function foreign()
    local set = {[_G] = true, [box] = true, [package.loaded] = true}
    for _, value in pairs(table.copy(package.loaded)) do
        if type(value) == 'table' or type(value) == 'function' then
            set[value] = true
        end
    end
    add_globals(set)
    return set
end

--- Adds what an object refers to.
local function expand(object, is_own, add)
    if type(object) == 'table' then
        local count = 0
        for _, value in next, object do
            count = count + 1
            if count > ENTRIES then
                break
            end
            add(value)
        end
        add(debug.getmetatable(object))
    elseif is_own then
        for i = 1, 255 do
            local name, value = debug.getupvalue(object, i)
            if name == nil then
                break
            end
            add(value)
        end
    end
end

--- Walks what a value refers to. May yield.
-- @param value
-- @tparam table not_entered set of what is not entered, unless it is the value
-- @tparam function visit gets each function; returns whether it belongs to the
--   module, so that its upvalues are walked
local function walk(value, not_entered, visit)
    local queue, seen, first = {}, {}, 1
    local function add(object)
        local kind = type(object)
        if (kind == 'table' or kind == 'function') and not seen[object]
        and (not not_entered[object] or rawequal(object, value)) and #queue < OBJECTS then
            seen[object] = true
            queue[#queue + 1] = object
        end
    end
    add(value)
    while queue[first] ~= nil do
        local object = queue[first]
        first = first + 1
        if first % 100 == 0 then
            slice.pause()
        end
        expand(object, type(object) == 'function' and visit(object), add)
    end
end

--- Surveys modules that no reload has loaded yet. May yield.
-- @tparam {{name, path, value},...} modules
-- @tparam table paths set of the files of all application modules
-- @treturn {{path, module},...} files that they have loaded themselves
-- @treturn table prototype -> unit, of that code and of code without a useful name
local function survey(modules, paths)
    local files, protos, not_entered = {}, {}, foreign()
    local main_script = arg and arg[0]
    for _, module in ipairs(modules) do
        slice.pause()
        local unit, found = '@' .. module.path, {}
        walk(module.value, not_entered, function(f)
            local info = jutil.funcinfo(f)
            if info.proto == nil or info.source == unit then
                return info.proto ~= nil
            end
            local path = info.source:match('^@(.*)$')
            if path == nil and (info.linedefined < 0 or info.source:sub(1, 2) == '=[')
            or path ~= nil and (paths[path] or path == main_script or not catalog.is_application_path(path)) then
                return false
            end
            if path ~= nil and not found[path] then
                found[path] = catalog.read(path) ~= nil
                if found[path] then
                    table.insert(files, {path = path, module = module.name, unit = unit})
                end
            end
            protos[info.proto] = unit
            return true
        end)
    end
    return files, protos
end

--- Finds learned old code that new code still refers to without having loaded
-- it: it belongs to others, such as the main script. May yield.
-- @tparam {value,...} values of the new modules
-- @tparam table origin
-- @treturn table set of prototypes
local function find_shared(values, origin)
    local shared, not_entered = {}, foreign()
    for _, value in pairs(values) do
        not_entered[value] = true
    end
    for _, value in pairs(values) do
        slice.pause()
        walk(value, not_entered, function(f)
            if origin:is_new(f) then
                return true
            end
            local proto = jutil.funcinfo(f).proto
            if proto ~= nil and origin.learned[proto] then
                shared[proto] = true
            end
            return false
        end)
    end
    return shared
end

return {find_shared = find_shared, survey = survey}
