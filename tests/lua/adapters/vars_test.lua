-- adapters/vars.lua: state of the application in cartridge.vars, staged.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.vars')

--- @tparam table values module name -> its variables
-- @tparam {string,...} modules those that are reloaded
local function begin(values, modules)
    rawset(_G, '_cluster_vars_values', values)
    rawset(_G, '_cluster_vars_defaults', {})
    lib.defer(function()
        rawset(_G, '_cluster_vars_values', nil)
        rawset(_G, '_cluster_vars_defaults', nil)
    end)
    for name in pairs(values) do
        rawget(_G, '_cluster_vars_defaults')[name] = {}
    end
    local by_name = {}
    for _, name in ipairs(modules) do
        by_name[name] = {name = name}
    end
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.vars').new(txn, {by_name = by_name}))
    return txn, values, by_name
end

local SET = "local vars, name, value = ... vars[name] = value"
local GET = "local vars, name = ... local value = vars[name] return value"

case('what new code sets is seen by it alone before the commit, and by all after it', function(t)
    local txn, values = begin({['app.web'] = {limit = 5}}, {'app.web'})
    local vars = values['app.web']
    txn.code(SET)(vars, 'limit', 6)
    txn.code(SET)(vars, 'fresh', 7)
    t:is(txn.code(GET)(vars, 'limit'), 6, 'new code')
    t:is(lib.elsewhere(function() return vars.limit end), 5, 'old code')
    t:is(lib.elsewhere(function() return vars.fresh end), nil, 'a new variable')
    txn:commit()
    t:is(vars.limit, 6, 'after the commit')
    t:is(vars.fresh, 7, 'the new one')
    t:is(getmetatable(vars), nil, 'the table is a plain one again')
end)

case('a rollback leaves the variables as they were', function(t)
    local txn, values = begin({['app.web'] = {limit = 5, doomed = 1, no = false}}, {'app.web'})
    local vars = values['app.web']
    txn.code(SET)(vars, 'limit', 6)
    txn.code(SET)(vars, 'fresh', 7)
    txn.code(SET)(vars, 'no', true)
    txn.code(SET)(vars, 'doomed', nil)
    txn.undo()
    t:is_deeply(vars, {limit = 5, doomed = 1, no = false}, 'variables')
    t:is(values['app.web'], vars, 'the same table')
end)

case('what serving code sets meanwhile stays, after both ends', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local txn, values = begin({['app.web'] = {requests = 5, limit = 1}}, {'app.web'})
        local vars = values['app.web']
        txn.code(SET)(vars, 'limit', 2)
        lib.elsewhere(function()
            vars.requests = vars.requests + 1
            vars.more = 'x'
        end)
        txn[ends](txn)
        t:is(vars.requests, 6, ends .. ': a counter')
        t:is(vars.more, 'x', ends .. ': a new one')
        t:is(vars.limit, ends == 'commit' and 2 or 1, ends .. ': what new code sets')
    end
end)

case('new code can remove a variable and set one to false', function(t)
    local txn, values = begin({['app.web'] = {a = 1, b = true, c = false}}, {'app.web'})
    local vars = values['app.web']
    t:is(txn.code(GET)(vars, 'c'), false, 'false is not nothing')
    txn.code(SET)(vars, 'a', nil)
    txn.code(SET)(vars, 'b', false)
    t:is(txn.code(GET)(vars, 'a'), nil, 'removed')
    t:is(txn.code(GET)(vars, 'b'), false, 'false')
    txn:commit()
    t:is(vars.a, nil, 'removed after the commit')
    t:is(vars.b, false, 'false after the commit')
    t:is(vars.c, false, 'what nobody touched')
end)

case('variables of other modules are left alone', function(t)
    local txn, values = begin({['app.web'] = {}, rock = {limit = 5}}, {'app.web'})
    txn.code(SET)(values.rock, 'limit', 6)
    t:is(values.rock.limit, 6, 'at once')
    t:is(getmetatable(values.rock), nil, 'a plain table')
    txn:commit()
end)

case('variables of a module that only the failed code had are gone', function(t)
    local txn, values, by_name = begin({}, {})
    by_name['app.fresh'] = {name = 'app.fresh'} -- as the adapter of modules does
    txn.code("rawget(_G, '_cluster_vars_values')['app.fresh'] = {limit = 1}")()
    txn.undo()
    t:is(values['app.fresh'], nil, 'a good reload starts with defaults')
end)

lib.run()
