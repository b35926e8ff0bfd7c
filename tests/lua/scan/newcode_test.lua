-- scan/newcode.lua: what new code would have in place of an old function.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('scan.newcode')

-- What each function is; others belong to a library.
local classes, newest, units

--- Loads the module, with functions classified by the tables above.
local function start()
    classes, newest, units = {}, {}, {}
    local load = lib.loader({['code.generations'] = {classify = function(_, f) return classes[f] or 'other' end}})
    return load('scan.newcode'), load('scan.heap_walk')
end

local function old(f)
    classes[f] = 'stale'
    return f
end

local function new(f)
    newest[f] = true
    return f
end

--- Counterparts of one application module.
local function counterparts(old_values)
    return {
        is_newest = function(_, f) return newest[f] or false end,
        is_old_table = function() return false end,
        unit_of = function(_, f) return units[f] or '/app/web.lua' end,
        modules = {
            is_replaced = function(_, name) return (old_values or {})[name] ~= nil end,
            old_value = function(_, name) return (old_values or {})[name] end,
            is_same = function(_, a, b) return a == b end,
        },
    }
end

--- A walk that has reached these objects, each through the one before.
-- @tparam {{object,key},...} path from a root to the object of the place; `key` leads to
--   the next object
local function walk_over(path)
    return {at = function(_, number)
        local before = path[number - 1]
        return path[number][1], before ~= nil and number - 1 or -1, before ~= nil and before[2] or nil
    end}
end

--- Returns a wrapper, as one of the code of a file registers it.
local function wrap(inner)
    return function() return inner() end
end

case('the function that has an old one in an upvalue is its holder', function(t)
    local newcode = start()
    local before = old(function() end)
    local wrapper = new(wrap(before))
    local holders = newcode.holders_of({kind = 'upvalue', key = 1, number = 1, object = wrapper, value = before},
        walk_over({{wrapper}}), counterparts())
    t:is(#holders, 1, 'one holder')
    t:is(holders[1].f, wrapper, 'the wrapper')
    t:is(holders[1].steps[1][2], 'inner', 'the path is the name of the upvalue')
end)

case('new functions further up the path are holders too, the nearest first', function(t)
    local newcode = start()
    local before = old(function() end)
    local near, state = new(wrap(before)), {}
    state.near = near
    local far = new(function() return state end)
    local holders = newcode.holders_of({kind = 'upvalue', key = 1, number = 3, object = near, value = before},
        walk_over({{far, 1}, {state, 'near'}, {near}}), counterparts())
    t:is(#holders, 2, 'two holders')
    t:is(holders[1].f, near, 'the nearest first')
    t:is(holders[2].f, far, 'then the other')
    t:is(#holders[2].steps, 3, 'with the whole path')
end)

case('a module of new code is a holder', function(t)
    local newcode = start()
    local before, module = old(function() end), {}
    module.callback = before
    local holders = newcode.holders_of({kind = 'field', key = 'callback', number = 2, object = module, value = before},
        walk_over({{package.loaded, 'app.web'}, {module}}), counterparts({['app.web'] = {}}))
    t:is(#holders, 1, 'one holder')
    t:is(holders[1].module, 'app.web', 'its name')
    t:is(holders[1].steps[1][2], 'callback', 'the path from the module')
end)

case('places that cannot be followed from another object have no path', function(t)
    local newcode, walk_lib = start()
    local before, state = old(function() end), {}
    local holder = new(function() return state end)
    state[before] = true
    local holders = newcode.holders_of({kind = 'key', key = before, number = 2, object = state, value = before},
        walk_over({{holder, 1}, {state}}), counterparts())
    t:is(holders[1].steps, nil, 'a key of a table')
    holders = newcode.holders_of({kind = 'field', key = 'x', number = 2, object = {}, value = before},
        walk_over({{holder, walk_lib.ENVIRONMENT}, {{}}}), counterparts())
    t:is(holders[1].steps, nil, 'below an environment')
    holders = newcode.holders_of({kind = 'field', key = 'x', number = 3, object = {}, value = before},
        walk_over({{holder, 1}, {state, walk_lib.KEY}, {{}}}), counterparts())
    t:is(holders[1].steps, nil, 'below a key')
    t:is(#newcode.holders_of({kind = 'root', object = state, value = before}, nil, counterparts()), 0, 'a root')
end)

case('a local variable of a new function is held by that function', function(t)
    local newcode = start()
    local f = new(function() end)
    local place = {kind = 'local', key = {func = f}, object = coroutine.create(f)}
    t:is(newcode.holders_of(place, nil, counterparts())[1].f, f, 'new code')
    place.key.func = function() end
    t:is(#newcode.holders_of(place, nil, counterparts()), 0, 'not a function of a library')
end)

--- What new code has in place of the old function in its wrapper.
local function unwrap(newcode, before)
    local wrapper = new(wrap(before))
    local place = {kind = 'upvalue', key = 1, number = 1, object = wrapper, value = before}
    local counterparts_ = counterparts()
    local holders = newcode.holders_of(place, walk_over({{wrapper}}), counterparts_)
    return newcode.unwrap(place, holders, {}, counterparts_)
end

case('a wrapper around the old wrapper gets what the old one had wrapped', function(t)
    local newcode = start()
    local function library() end
    local is_known, value = unwrap(newcode, old(wrap(library)))
    t:ok(is_known, 'known')
    t:is(value, library, 'the function of the library')
end)

case('all old wrappers are skipped', function(t)
    local newcode = start()
    local function library() end
    local is_known, value = unwrap(newcode, old(wrap(old(wrap(old(wrap(library)))))))
    t:ok(is_known, 'known')
    t:is(value, library, 'the function of the library')
end)

case('wrappers of another module in between are skipped', function(t)
    local newcode = start()
    local function library() end
    local others = old(wrap(library))
    units[others] = '/app/audit.lua'
    local is_known, value = unwrap(newcode, old(wrap(others)))
    t:ok(is_known, 'known')
    t:is(value, library, 'the function of the library')
end)

case('an old function that wraps nothing has no known successor', function(t)
    local newcode = start()
    local is_known, value = unwrap(newcode, old(function() end))
    t:ok(not is_known, 'unknown')
    t:is(value, nil, 'no value')
end)

case('without a holder nothing is known', function(t)
    local newcode = start()
    t:ok(not newcode.unwrap({value = old(function() end)}, {}, {}, counterparts()), 'unknown')
end)

lib.run()
