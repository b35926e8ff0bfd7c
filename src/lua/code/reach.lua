--- Finds code that belongs to a module but does not come from the module's file. Such
-- code comes from files that the code of the module has loaded, for example with `dofile`,
-- or has a chunk name that is not a path. This search is needed for modules that no
-- reload has loaded, because nothing has recorded what those modules compiled.
--
-- The search starts at the value of the module and follows tables, metatables and
-- upvalues. It does not enter objects of other modules, of libraries or of Tarantool.

local require = ...
local catalog = require('code.catalog')
local json = require('json')
local jutil = require('jit.util')
local yield = require('core.yield')

-- Maximum number of entries that are examined in one table, and maximum number of
-- objects that are examined for one module. Everything beyond these limits is assumed
-- to be data, not code.
local ENTRIES, OBJECTS = 1000, 5000

--- Collects all tables that are reachable from global variables, directly or through
-- other tables. These tables usually belong to the main script. May yield.
-- @tparam table set receives the tables
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
        yield.if_due()
    end
end

--- Returns the objects that a search must not enter, because they belong to other
-- modules, Tarantool or the main script. May yield.
-- @treturn table set of tables and functions
local function foreign_objects()
    local set = {[_G] = true, [box] = true, [package.loaded] = true}
    for _, value in pairs(table.copy(package.loaded)) do
        if type(value) == 'table' or type(value) == 'function' then
            set[value] = true
        end
    end
    -- All arrays decoded from JSON share one metatable, and all maps share another.
    -- Tarantool compiles the functions in these metatables from text, so they belong to
    -- no module.
    for _, text in ipairs({'[]', '{}'}) do
        local metatable = debug.getmetatable(json.decode(text))
        if metatable ~= nil then
            set[metatable] = true
        end
    end
    add_globals(set)
    return set
end

--- Calls `add` with each value to which an object refers directly. Skips the upvalues
-- of functions that do not belong to the module.
-- @tparam table|function object
-- @tparam boolean is_own whether `object` is a function of the module
-- @tparam function add (value)
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

--- Walks all objects that are reachable from the value of a module. May yield.
-- @param value value of the module; it is entered even if it is in `not_entered`
-- @tparam table not_entered set of objects that the walk does not enter
-- @tparam function visit (function) -> whether the function belongs to the module. If
--   it does, the walk follows its upvalues.
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
            yield.if_due()
        end
        expand(object, type(object) == 'function' and visit(object), add)
    end
end

--- Finds the code that belongs to modules but does not come from the modules' files. May
-- yield.
-- @tparam {{name, path, value},...} modules modules that no reload has loaded
-- @tparam table paths set of the files of all application modules
-- @treturn {{path, module, unit},...} files that the modules have loaded without
--   `require`, for example with `dofile`
-- @treturn table prototype -> unit, for all code that was found
local function survey(modules, paths)
    local files, protos, not_entered = {}, {}, foreign_objects()
    local main_script = arg and arg[0]
    for _, module in ipairs(modules) do
        yield.if_due()
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

--- Finds code that `survey` has wrongly attributed to old modules. New modules refer to
-- this code without having loaded it. Therefore it belongs to something else, such as
-- the main script. May yield.
-- @tparam table values module name -> value in the new code
-- @tparam table ownership see `ownership`
-- @treturn table set of prototypes
local function find_shared(values, ownership)
    local shared, not_entered = {}, foreign_objects()
    for _, value in pairs(values) do
        not_entered[value] = true
    end
    for _, value in pairs(values) do
        yield.if_due()
        walk(value, not_entered, function(f)
            if ownership:is_new(f) then
                return true
            end
            local proto = jutil.funcinfo(f).proto
            if proto ~= nil and ownership.learned[proto] then
                shared[proto] = true
            end
            return false
        end)
    end
    return shared
end

return {find_shared = find_shared, survey = survey}
