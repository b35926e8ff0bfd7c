-- adapters/vars.lua: state of the application in cartridge.vars, staged.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.vars')

--- @tparam table values module name -> its variables
-- @tparam {string,...} modules those that are reloaded
-- @tparam ?table hidden see the adapter
local function begin(values, modules, hidden)
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
    local adapter = txn:add(load('adapters.vars').new(txn, {by_name = by_name}, hidden))
    return txn, values, by_name, adapter
end

--- Returns the variables of a module as code other than new code sees them.
local function serving(values, module)
    return lib.elsewhere(function() return values[module] end)
end

-- As cartridge.vars does it: the table of a module is looked up each time.
local SET = "local module, name, value = ... rawget(_G, '_cluster_vars_values')[module][name] = value"
local GET = "local module, name = ... local value = rawget(_G, '_cluster_vars_values')[module][name] return value"

case('until the commit only new code sees its variables', function(t)
    local txn, values, _, adapter = begin({['app.web'] = {limit = 5}}, {'app.web'})
    local vars = serving(values, 'app.web')
    txn.code(SET)('app.web', 'limit', 6)
    txn.code(SET)('app.web', 'fresh', 7)
    t:is(txn.code(GET)('app.web', 'limit'), 6, 'new code')
    t:is(lib.elsewhere(function() return vars.limit end), 5, 'old code')
    t:is(lib.elsewhere(function() return vars.fresh end), nil, 'a new variable')
    txn:commit()
    t:is(vars.limit, 6, 'after the commit')
    t:is(vars.fresh, 7, 'the new one')
    adapter:settle()
    t:is(getmetatable(values), nil, 'the table is a plain one again')
    t:is(values['app.web'], vars, 'and has the same variables')
end)

case('a rollback leaves the variables unchanged', function(t)
    local txn, values = begin({['app.web'] = {limit = 5, doomed = 1, no = false}}, {'app.web'})
    local vars = serving(values, 'app.web')
    txn.code(SET)('app.web', 'limit', 6)
    txn.code(SET)('app.web', 'fresh', 7)
    txn.code(SET)('app.web', 'no', true)
    txn.code(SET)('app.web', 'doomed', nil)
    txn.undo()
    t:is_deeply(vars, {limit = 5, doomed = 1, no = false}, 'variables')
    t:is(values['app.web'], vars, 'the same table')
end)

case('variables that serving code sets during the reload stay in both cases', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local txn, values = begin({['app.web'] = {requests = 5, limit = 1}}, {'app.web'})
        local vars = serving(values, 'app.web')
        txn.code(SET)('app.web', 'limit', 2)
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
    local vars = serving(values, 'app.web')
    t:is(txn.code(GET)('app.web', 'c'), false, 'false is not nothing')
    txn.code(SET)('app.web', 'a', nil)
    txn.code(SET)('app.web', 'b', false)
    t:is(txn.code(GET)('app.web', 'a'), nil, 'removed')
    t:is(txn.code(GET)('app.web', 'b'), false, 'false')
    txn:commit()
    t:is(vars.a, nil, 'removed after the commit')
    t:is(vars.b, false, 'false after the commit')
    t:is(vars.c, false, 'what nobody touched')
end)

case('variables under a name that is not a module are staged', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local txn, values = begin({shop = {limit = 5}}, {'app.web'})
        txn.code("local all = ... all.shop.limit = 6")(values)
        t:is(lib.elsewhere(function() return values.shop.limit end), 5, 'old code')
        txn[ends](txn)
        t:is(values.shop.limit, ends == 'commit' and 6 or 5, ends)
    end
end)

case('variables that were never used are staged', function(t)
    for _, ends in ipairs({'commit', 'undo'}) do
        local txn, values = begin({}, {'app.web'})
        txn.code("local all = ... all['app.web'] = all['app.web'] or {} all['app.web'].limit = 6")(values)
        t:is(lib.elsewhere(function() return (values['app.web'] or {}).limit end), nil, 'old code')
        txn[ends](txn)
        t:is((values['app.web'] or {}).limit, ends == 'commit' and 6 or nil, ends)
    end
end)

case('variables of other modules are left alone', function(t)
    package.loaded.rock = {}
    lib.defer(function() package.loaded.rock = nil end)
    local txn, values = begin({['app.web'] = {}, rock = {limit = 5}}, {'app.web'})
    txn.code(SET)('rock', 'limit', 6)
    t:is(serving(values, 'rock').limit, 6, 'at once')
    t:is(getmetatable(values.rock), nil, 'a plain table')
    txn:commit()
end)

case('a rollback removes variables of a module that only failed code had', function(t)
    local txn, values, by_name = begin({}, {})
    by_name['app.fresh'] = {name = 'app.fresh'} -- as the adapter of modules does
    txn.code("rawget(_G, '_cluster_vars_values')['app.fresh'] = {limit = 1}")()
    txn.undo()
    t:is(values['app.fresh'], nil, 'a good reload starts with defaults')
end)

case('serving code can iterate, count and rawget its variables', function(t)
    local txn, values = begin({['app.web'] = {limit = 5, 'first'}}, {'app.web'})
    txn.code(SET)('app.web', 'limit', 6)
    lib.elsewhere(function()
        local vars, seen = values['app.web'], {}
        for key, value in pairs(vars) do
            seen[key] = value
        end
        t:is_deeply(seen, {limit = 5, 'first'}, 'pairs')
        t:is(rawget(vars, 'limit'), 5, 'rawget')
        t:is(next(vars) ~= nil, true, 'next')
        t:is(#vars, 1, 'number')
    end)
end)

case('the old stop sees its own variables as of the commit', function(t)
    local txn, values, _, adapter = begin({['app.web'] = {server = 'old', count = 1}}, {'app.web'})
    local vars = serving(values, 'app.web')
    txn.code(SET)('app.web', 'server', 'new')
    lib.elsewhere(function() values['app.web'].count = 2 end)
    txn:commit()
    txn.ownership:call_stop(function()
        t:is(values['app.web'].server, 'old', 'it finds what is its own')
        t:is(values['app.web'].count, 2, 'with what serving code has set meanwhile')
        values['app.web'].server = nil
        t:is(lib.elsewhere(function() return values['app.web'].server end), 'new', 'others see the new')
    end)
    t:is(vars.server, 'new', 'what stop unsets stays')
    adapter:settle()
    t:is(values['app.web'], vars, 'the table of the variables')
    t:is(vars.server, 'new', 'after it')
end)

case('old code that is still running sees the variables of its role and shares the others', function(t)
    local txn, values, _, adapter = begin({['app.web'] = {current = 'old', count = 1}}, {'app.web'})
    local vars, path = serving(values, 'app.web'), '/app/web.lua'
    local get, set = lib.old_code(GET, path), lib.old_code(SET, path)
    txn.code(SET, path)('app.web', 'current', 'new')
    txn.code(SET, path)('app.web', 'fresh', 'new')
    txn:commit()
    t:is(get('app.web', 'current'), 'old', 'one that the new role has set')
    t:is(get('app.web', 'fresh'), nil, 'one that it has introduced')
    t:is(values['app.web'].current, 'new', 'others')
    set('app.web', 'current', 'older')
    t:is(get('app.web', 'current'), 'older', 'it may go on changing it')
    t:is(vars.current, 'new', 'alone')
    set('app.web', 'count', get('app.web', 'count') + 1)
    vars.count = vars.count + 1
    t:is(get('app.web', 'count'), 3, 'a counter counts for all')
    txn.ownership:call_stop(function() values['app.web'].count = nil end)
    t:is(get('app.web', 'count'), nil, 'what stop unsets')
    t:is(vars.count, 3, 'is unset for old code')
    adapter:settle()
    t:is(get('app.web', 'current'), 'new', 'when it has ended there is one value')
end)

case('new code does not get variables that stop will end', function(t)
    for _, ends in ipairs({'commit', 'undo', 'set'}) do
        local txn, values = begin({['app.web'] = {server = 'old', count = 1}}, {'app.web'},
            {['app.web'] = {server = true, other = true}})
        local vars = serving(values, 'app.web')
        t:is(txn.code(GET)('app.web', 'server'), nil, 'hidden')
        t:is(txn.code(GET)('app.web', 'count'), 1, 'what it does not end')
        t:is(lib.elsewhere(function() return values['app.web'].server end), 'old', 'from new code only')
        if ends == 'set' then
            txn.code(SET)('app.web', 'server', 'new')
            txn:commit()
        else
            txn[ends](txn)
        end
        t:is(vars.server, ({commit = nil, undo = 'old', set = 'new'})[ends], ends)
        txn.ownership:release()
    end
end)

case('until the commit only new code sees its defaults', function(t)
    local txn, _, _, adapter = begin({['app.web'] = {}}, {'app.web'})
    local defaults = rawget(_G, '_cluster_vars_defaults')
    txn.code("rawget(_G, '_cluster_vars_defaults')['app.web'].limit = 7")()
    t:is(lib.elsewhere(function() return defaults['app.web'].limit end), nil, 'before')
    txn:commit()
    adapter:settle()
    t:is(defaults['app.web'].limit, 7, 'after')
end)

lib.run()
