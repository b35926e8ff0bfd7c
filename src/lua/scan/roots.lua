--- Collects the roots of the heap walk: the objects from which it starts. The report
-- describes an object by the first path on which the walk reaches it. Therefore
-- roots with a meaningful name come first.
--
-- A root is a table with these fields:
--
--   value      the object
--   kind       kind of the references in the object, see the manual
--   words      description of the object
--   first      (optional) function (key) that describes a field of the object. It
--              returns kind, description, and whether the field is in a metatable.
--   is_anchor  (optional) whether descriptions of references always mention this root
--   set        (optional) function (new, old) that replaces the value; present if the
--              root is a slot rather than an object

local require = ...
local cartridge_lib = require('platform.cartridge')
local ffi = require('ffi')
local fibers = require('platform.fibers')
local trigger_places = require('platform.trigger_places')
local words = require('scan.describe')

--- Creates the function that a root stores as `first`. The function describes a field
-- of the root: the description is a label, followed by the key of the field.
-- @tparam string kind kind of the references in the fields
-- @tparam string label
-- @treturn function
local function labelled(kind, label)
    return function(key)
        return kind, label .. ' ' .. words.field_text(key)
    end
end

local function add_triggers(roots)
    for _, place in ipairs(trigger_places.all()) do
        for _, f in ipairs(place.list()) do
            table.insert(roots, {
                value = f,
                kind = 'trigger',
                words = place.label,
                is_anchor = true,
                set = place.set,
            })
        end
    end
end

--- Adds the stacks of all fibers to the roots.
-- @treturn boolean false if the ids of the fibers cannot be read; then no stack is
--   added
local function add_fibers(roots)
    local list = fibers.threads()
    for _, item in ipairs(list or {}) do
        table.insert(roots, {
            value = item.thread,
            kind = 'fiber',
            words = ('fiber %d "%s"'):format(item.id, item.name),
            is_anchor = true,
        })
    end
    return list ~= nil
end

local function add_services(roots)
    local cartridge = cartridge_lib.detect()
    local services = cartridge and cartridge.services()
    if type(services) == 'table' then
        table.insert(roots, {
            value = services,
            kind = 'service',
            words = 'the services',
            first = labelled('service', 'service'),
        })
    end
end

local function ctype_name(id)
    local ok, name = pcall(function()
        local info = ffi.typeinfo(id)
        return info.name
    end)
    return ok and name or tostring(id)
end

--- Returns the table in which LuaJIT keeps the finalizers of cdata objects: the
-- environment of `ffi.gc`.
-- @treturn ?table nil in newer versions of LuaJIT, which hide the table
local function finalizers()
    local object = ffi.gc(ffi.new('char[1]'), words.key_text)
    local list = debug.getfenv(ffi.gc)
    local is_it = list[object] == words.key_text
    ffi.gc(object, nil)
    return is_it and list or nil
end

--- Adds tables of the ffi library to the roots: the table of metatypes and C
-- callbacks, and the table of finalizers. These tables are the environments of the
-- library's functions.
-- @treturn boolean whether the table of finalizers was found
local function add_ffi(roots)
    table.insert(roots, {
        value = debug.getfenv(ffi.metatype),
        kind = 'ctype',
        words = 'the ffi library',
        first = function(key)
            if type(key) == 'number' and key < 0 then
                return 'ctype', 'metatype of ctype ' .. ctype_name(-key), true
            end
            return 'callback', 'C callback ' .. words.field_text(key)
        end,
    })
    local list = finalizers()
    if list ~= nil then
        table.insert(roots, {
            value = list,
            kind = 'finalizer',
            words = 'the finalizers of the ffi library',
            first = function()
                return 'finalizer', 'finalizer of a cdata object'
            end,
        })
    end
    return list ~= nil
end

local function add_primitives(roots)
    local examples = {
        {label = 'nil', value = nil},
        {label = 'booleans', value = true},
        {label = 'numbers', value = 0},
        {label = 'strings', value = ''},
        {label = 'functions', value = print},
        {label = 'coroutines', value = coroutine.create(print)},
    }
    for _, example in ipairs(examples) do
        local metatable = debug.getmetatable(example.value)
        if metatable ~= nil then
            table.insert(roots, {
                value = metatable,
                kind = 'metatable',
                words = 'metatable of ' .. example.label,
                first = function(key)
                    return 'metatable', ('metatable %s of %s'):format(words.field_text(key), example.label)
                end,
            })
        end
    end
end

--- Collects the current roots. May yield.
-- @treturn {table,...} roots
-- @treturn {string,...} names of the things that the walk cannot reach, because this
--   build of Tarantool hides them; for the report
local function collect()
    local roots, hidden = {}, {}
    add_triggers(roots)
    if not add_fibers(roots) then
        table.insert(hidden, 'the fiber ids')
    end
    add_services(roots)
    table.insert(roots, {
        value = _G,
        kind = 'global',
        words = 'the globals',
        first = labelled('global', 'global'),
    })
    -- Make the spaces a separate root with a meaningful name. In Tarantool 3, the
    -- shortest path to them would otherwise lead through the Lua registry.
    table.insert(roots, {
        value = box.space,
        kind = 'global',
        words = 'the spaces',
        first = function(key)
            return 'global', 'global box.space' .. words.key_text(key)
        end,
    })
    for _, name in ipairs({'loaded', 'preload', 'loaders'}) do
        table.insert(roots, {
            value = package[name],
            kind = 'module',
            words = 'package.' .. name,
            first = function(key)
                local label = type(key) == 'string' and ("['%s']"):format(key) or words.key_text(key)
                return 'module', ('package.%s%s'):format(name, label)
            end,
        })
    end
    add_primitives(roots)
    if not add_ffi(roots) then
        table.insert(hidden, 'finalizers of cdata objects')
    end
    table.insert(roots, {
        value = debug.getregistry(),
        kind = 'registry',
        words = 'the Lua registry',
        first = labelled('registry', 'Lua registry slot'),
    })
    return roots, hidden
end

return {collect = collect, finalizers = finalizers}
