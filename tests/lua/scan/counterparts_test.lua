-- scan/counterparts.lua: finds the new function for an old one.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.counterparts')

local PATH, SOURCE = '/app/m.lua', '@/app/m.lua'

local function new_registry()
    return {
        names = {},
        sources = {},
        aliases = {},
        units = {},
        known = {},
        tables = setmetatable({}, {__mode = 'k'}),
        protos = setmetatable({}, {__mode = 'k'}),
        failed = setmetatable({}, {__mode = 'k'}),
    }
end

--- Loads two versions of a module; the second is the new code.
-- @treturn Counterparts
-- @treturn old value
-- @treturn new value
local function begin(old_text, new_text, change)
    local load = lib.loader()
    local stash = new_registry()
    local old = assert(loadstring(old_text, SOURCE))()
    local chunk = assert(loadstring(new_text, SOURCE))
    local ownership = load('code.ownership').new()
    ownership:record(chunk, PATH)
    local new = chunk()
    lib.defer(function() package.loaded.m = nil end)
    change = change or {}
    change.ownership, change.old, change.paths = ownership, change.old or {m = old}, change.paths or {m = PATH}
    change.new = change.new or {m = new}
    return load('scan.counterparts').new(stash, change), old, new, stash, ownership, load
end

local function upvalue(f, wanted)
    for i = 1, 255 do
        local name, value = debug.getupvalue(f, i)
        if name == nil or name == wanted then
            return value
        end
    end
end

case('a function of the same name is the counterpart', function(t)
    local text = [[
        local function helper() end
        return {get = function() return helper end, Class = {run = function() end}}
    ]]
    local self, old, new = begin(text, text)
    t:is(self:find(old.get, SOURCE), new.get, 'field')
    t:is(self:find(old.Class.run, SOURCE), new.Class.run, 'method')
    t:is(self:find(upvalue(old.get, 'helper'), SOURCE), upvalue(new.get, 'helper'), 'local')
    t:is(self:name_of(old.Class.run, SOURCE), 'Class.run', 'name')
end)

case('each reason for having no counterpart', function(t)
    local self, old = begin([[
        return {gone = function() end, data = function() end, group = function() end,
            make = function() return function() end end}
    ]], [[
        return {data = 7, group = {}}
    ]])
    local function why(f, source)
        local found, reason = self:find(f, source or SOURCE)
        t:is(found, nil, 'none')
        return reason
    end
    t:is(why(old.gone), 'the new code has no gone', 'gone')
    t:is(why(old.data), 'data is a number in the new code', 'data')
    t:is(why(old.group), 'group is a table in the new code', 'table')
    t:is(why(old.make()), 'it has no name in its module', 'nameless')
    t:is(why(function() end, '@/app/other.lua'), 'none of the loaded modules is from this file', 'other file')
    t:is(self:name_of(old.make(), SOURCE), nil, 'no name')
    t:is(self:name_of(function() end, '@/app/other.lua'), nil, 'no name in another file')
end)

case('a removed module has no counterparts', function(t)
    local load = lib.loader()
    local old = assert(loadstring('return {get = function() end}', SOURCE))()
    local stash = new_registry()
    stash.names.m = PATH
    local self = load('scan.counterparts').new(stash, {
        ownership = load('code.ownership').new(), old = {m = old}, gone = {m = PATH}, paths = {}, new = {},
    })
    local _, why = self:find(old.get, SOURCE)
    t:is(why, 'the file of its module no longer exists', 'reason')
    t:is(self:name_of(old.get, SOURCE), 'get', 'its name')
    stash.names.m = nil
    self = load('scan.counterparts').new(stash, {
        ownership = load('code.ownership').new(), old = {m = old}, gone = {m = PATH}, paths = {}, new = {},
    })
    _, why = self:find(old.get, SOURCE)
    t:is(why, 'the file of its module no longer exists', 'reason, at the first reload')
end)

case('a module has one name, in any order of loading', function(t)
    local load = lib.loader()
    local old = assert(loadstring('return {get = function() end}', SOURCE))()
    for _, names in ipairs({{'a', 'b', 'c'}, {'c', 'b', 'a'}}) do
        local stash, paths, values = new_registry(), {}, {}
        for _, name in ipairs(names) do
            paths[name], values[name] = PATH, {}
        end
        values.a = old
        local self = load('scan.counterparts').new(stash, {
            ownership = load('code.ownership').new(), old = values, new = {}, paths = paths,
        })
        t:is(self:name_of(old.get, SOURCE), 'get', 'the first one')
    end
end)

case('functions of a file loaded under two names are matched by name', function(t)
    local text = 'return {get = function() return get end, Class = {run = function() end}}'
    local load, stash, old, new = lib.loader(), new_registry(), {}, {}
    local generations = load('code.generations')
    local ownership = load('code.ownership').new()
    for _, name in ipairs({'a', 'b'}) do
        old[name] = assert(loadstring(text, SOURCE))()
        local chunk = assert(loadstring(text, SOURCE))
        ownership:record(chunk, PATH)
        new[name] = chunk()
    end
    local paths = {a = PATH, b = PATH}
    local self = load('scan.counterparts').new(stash, {ownership = ownership, old = old, new = new, paths = paths})
    generations.record(stash, ownership, 1)
    self:remember()
    for _, name in ipairs({'a', 'b'}) do
        t:is(self:find(old[name].get, SOURCE), new[name].get, 'that of ' .. name)
        t:is(self:name_of(old[name].get, SOURCE), 'get', 'its name')
        t:is(self:find_table(old[name].Class), new[name].Class, 'table of ' .. name)
    end
    -- The next reload does not know the values of the first.
    self = load('scan.counterparts').new(stash, {ownership = ownership, old = new, new = new, paths = paths})
    t:is(self:find(old.b.get, SOURCE), new.b.get, 'at the next reload')
    self = load('scan.counterparts').new(stash, {
        ownership = ownership, old = {a = {}}, new = {a = new.a}, paths = {a = PATH},
    })
    t:is(self:find(old.b.get, SOURCE), new.a.get, 'and when there is one name left')
end)

case('old code in the new module is no counterpart', function(t)
    local values = {m = {}}
    local self, old = begin('return {get = function() end}', 'return {}', {new = values})
    values.m = {get = old.get}
    local found, why = self:find(old.get, SOURCE)
    t:is(found, nil, 'none')
    t:is(why, 'the new code also uses the old function', 'reason')
end)

case('old code in a new module whose file has moved is no counterpart', function(t)
    local values = {m = {}}
    local old = assert(loadstring('return {get = function() end}', SOURCE))()
    values.m = {get = old.get}
    local self = begin('return {}', 'return {}', {
        new = values, old = {m = old}, paths = {m = '/app/moved/m.lua'}, former = {m = PATH},
    })
    local found, why = self:find(old.get, SOURCE)
    t:is(found, nil, 'none')
    t:is(why, 'the new code also uses the old function', 'reason')
end)

case('names outlast their generation', function(t)
    local self, old, _, stash, _, load = begin('return {get = function() end}', 'return {}')
    local _, why = self:find(old.get, SOURCE)
    t:is(why, 'the new code has no get', 'first reload')
    -- The second one does not know the values of the first.
    local chunk = assert(loadstring('return {get = function() end}', SOURCE))
    local ownership = load('code.ownership').new()
    ownership:record(chunk, PATH)
    local newer = chunk()
    self = load('scan.counterparts').new(stash, {
        ownership = ownership, old = {m = {}}, new = {m = newer}, paths = {m = PATH},
    })
    t:is(self:find(old.get, SOURCE), newer.get, 'second reload')
    t:is(self:name_of(old.get, SOURCE), 'get', 'name')
end)

case('remembered names keep nothing alive', function(t)
    local self, old, _, stash = begin('return {get = function() end}', 'return {}')
    self:remember()
    t:is(self:name_of(old.get, SOURCE), 'get', 'has a name')
    t:ok(next(stash.known[SOURCE]) ~= nil, 'remembered')
    t:ok(next(stash.tables) ~= nil, 'tables too')
    self, old = nil, nil -- luacheck: ignore
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(next(stash.known[SOURCE]), nil, 'and forgotten')
    t:is(next(stash.tables), nil, 'and so are tables')
end)

case('a scan without a reload finds the same counterparts', function(t)
    local stash = new_registry()
    stash.names.m = PATH
    local generations = lib.load('code.generations')
    local ownership = lib.load('code.ownership').new()
    local chunk = assert(loadstring('return {get = function() end}', SOURCE))
    ownership:record(chunk, PATH)
    generations.record(stash, ownership, 1)
    package.loaded.m = chunk()
    lib.defer(function() package.loaded.m = nil end)
    local self = lib.load('scan.counterparts').new(stash)
    local old = assert(loadstring('return {get = function() end}', SOURCE))()
    stash.known[SOURCE] = {[old.get] = {module = 'm', holder = {module = 'm'}, kind = 1, key = 'get'}}
    t:is(self:find(old.get, SOURCE), package.loaded.m.get, 'found by what is remembered')
    t:is(self:name_of(assert(loadstring('return function() end', SOURCE))(), SOURCE), nil, 'others have no name')
end)

case('a function of another file is no counterpart', function(t)
    local other = assert(loadstring('return function() end', '@/app/other.lua'))()
    local self, old = begin('return {get = function() end}', 'return {}', {new = {m = {get = other}}})
    local found, why = self:find(old.get, SOURCE)
    t:is(found, nil, 'none')
    t:is(why, 'get moved to another file in the new code', 'reason')
    self, old = begin('return {get = function() end}', 'return {}', {new = {m = {get = print}}})
    found, why = self:find(old.get, SOURCE)
    t:is(found, nil, 'nor one of C')
    t:is(why, 'get moved to another file in the new code', 'reason')
end)

case('an ambiguous counterpart stays ambiguous', function(t)
    local self, old, _, stash, _, load = begin('local f = function() end return {a = f, b = f}',
        'return {a = function() end, b = function() end}')
    t:is(self:find(old.a, SOURCE), nil, 'at the first reload')
    local _, why = self:find(old.a, SOURCE)
    local chunk = assert(loadstring('return {a = function() end}', SOURCE))
    local ownership = load('code.ownership').new()
    ownership:record(chunk, PATH)
    self = load('scan.counterparts').new(stash, {
        ownership = ownership, old = {m = {}}, new = {m = chunk()}, paths = {m = PATH},
    })
    local found, again = self:find(old.a, SOURCE)
    t:is(found, nil, 'and at the next')
    t:is(again, why, 'for the same reason')
end)

--- The same as `begin`, after the commit.
local function take_over(...)
    local self, old, new, stash, ownership, load = begin(...)
    load('code.generations').record(stash, ownership, 1)
    self:remember()
    return self, old, new, stash
end

case('a table of the same name is the counterpart', function(t)
    local self, old, new = take_over([[
        local Class = {} Class.__index = Class function Class.run() end
        return {new = function() return setmetatable({}, Class) end, list = {f = function() end}, data = {1}}
    ]], [[
        local Class = {} Class.__index = Class function Class.run() end function Class.more() end
        return {new = function() return setmetatable({}, Class) end, list = function() end, data = {2}}
    ]])
    t:is(self:find_table(getmetatable(old.new())), getmetatable(new.new()), 'class')
    t:is(self:find_table(old.list), nil, 'a function is none')
    t:is(self:find_table(old.data), nil, 'data is none')
    t:is(self:find_table({}), nil, 'a table without a name')
    t:is(self:find_table(old), new, 'the module itself')
    local name, source, line = self:describe_table(old)
    t:is(('%s %s:%d'):format(name, source, line), ('m %s:2'):format(SOURCE), 'what is told of it')
end)

case('tables of libraries belong to no module', function(t)
    local function other() end
    local made = {a = {keep = other}, b = {keep = function() end}}
    rawset(_G, 'made_for_test', made)
    package.loaded.made = {}
    lib.defer(function()
        package.loaded.made = nil
        rawset(_G, 'made_for_test', nil)
    end)
    made.c, made.d = {keep = other}, package.loaded.made
    local text = 'local M = {store = made_for_test.%s} function M.store.find() end return M'
    local function store(old_key, new_key)
        local self, old = take_over(text:format(old_key), text:format(new_key))
        return self:find_table(old.store)
    end
    t:is(store('a', 'b'), nil, 'another table with other functions')
    t:is(store('a', 'a'), nil, 'the same one')
    t:is(store('c', 'd'), nil, 'the value of a module that is not reloaded')
    t:is(store('d', 'c'), nil, 'the other way round')
end)

case('a module that returns the value of another one does not own it', function(t)
    package.loaded.made = {f = function() end}
    lib.defer(function() package.loaded.made = nil end)
    local self, old = take_over('return package.loaded.made', 'return {}')
    t:is(self:find_table(old), nil, 'none')
end)

case('names and paths are kept for later scans', function(t)
    local text = 'local function helper() end return {get = function() return helper end}'
    local _, old, _, stash = take_over(text, text)
    local load = lib.loader()
    local chunk = assert(loadstring(text, SOURCE))
    local ownership = load('code.ownership').new()
    ownership:record(chunk, PATH)
    local newer = chunk()
    local self = load('scan.counterparts').new(stash, {
        ownership = ownership, old = {m = {}}, new = {m = newer}, paths = {m = PATH},
    })
    self:remember()
    t:is(self:find(old.get, SOURCE), newer.get, 'of an earlier generation')
    t:is(self:find(upvalue(old.get, 'helper'), SOURCE), upvalue(newer.get, 'helper'), 'a local of it')
    t:is(self:find_table(old), newer, 'and its value')
end)

case('modules with unusual values are no problem', function(t)
    local load = lib.loader()
    local stash = new_registry()
    local values = {nan = 0 / 0, yes = true, no = false, text = 'x', f = function() end}
    local ok, err = pcall(load('scan.counterparts').new, stash, {
        ownership = load('code.ownership').new(), old = values, new = values, paths = {nan = '/nan.lua'},
    })
    t:ok(ok, 'no error: ' .. tostring(not ok and err))
end)

case('a wrapper is covered if everything old in it has a counterpart', function(t)
    local text = 'return {get = function() end, put = function() end}'
    local self, old, new = begin(text, 'return {get = function() end}')
    local function wrap(...)
        local f, g = ...
        return function() return f, g end
    end
    t:is(self:cover(old.get, {}), true, 'itself')
    t:is(self:cover(wrap(old.get), {}), true, 'wrapped')
    t:is(self:cover(wrap(wrap(old.get)), {}), true, 'twice')
    t:is(self:cover(old.put, {}), false, 'no counterpart')
    t:is(self:cover(wrap(old.get, old.put), {}), false, 'one has none')
    t:is(self:cover(print, {}), true, 'nothing old')
    t:is(self:cover(old.get, {[new.get] = true}), false, 'registered elsewhere')
    t:is(self:cover(wrap(old.get), {[new.get] = true}), false, 'that too')
    t:is(self:cover(old.get, {[print] = true}), true, 'something else is')
end)

lib.run()
