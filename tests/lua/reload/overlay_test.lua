-- reload/overlay.lua: a table that shows new code other entries than other code.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.overlay')

--- @treturn table view
-- @treturn function (name) what new code finds
-- @treturn function (name, value) sets as new code
local function begin(live)
    local load = lib.loader()
    local txn = lib.transaction(load)
    local get = txn.code('local live, name = ... local value = live[name] return value')
    local set = txn.code('local live, name, value = ... live[name] = value')
    return load('reload.overlay').new(txn, live), function(name)
        return get(live, name)
    end, function(name, value)
        set(live, name, value)
    end
end

--- Returns what code other than new code finds.
local function others(live, name)
    return lib.elsewhere(function() return live[name] end)
end

local function set_by_others(live, name, value)
    lib.elsewhere(function() live[name] = value end)
end

case('what is offered is for new code alone', function(t)
    local live = {a = 1, b = 2}
    local view, get = begin(live)
    view:offer('a', 10)
    view:offer('fresh', 30)
    t:is(get('a'), 10, 'new code')
    t:is(get('fresh'), 30, 'a new name')
    t:is(get('b'), 2, 'what is not offered')
    t:is(others(live, 'a'), 1, 'others')
    t:is(others(live, 'fresh'), nil, 'others, a new name')
    view:close()
    t:is_deeply(live, {a = 1, b = 2}, 'closed')
    t:is(getmetatable(live), nil, 'without a metatable')
end)

case('what each sets is seen by each', function(t)
    local live = {a = 1}
    local view, get, set = begin(live)
    view:offer('a', 10)
    set('a', 11)
    set('fresh', 12)
    set_by_others(live, 'a', 2)
    set_by_others(live, 'other', 3)
    t:is(get('a'), 11, 'new code')
    t:is(get('fresh'), 12, 'new code, a new name')
    t:is(others(live, 'a'), 2, 'others')
    t:is(others(live, 'fresh'), nil, 'others, a name of new code')
    view:close()
    t:is_deeply(live, {a = 2, other = 3}, 'closed: what others have set')
end)

case('nothing can be offered and set', function(t)
    local live = {a = 1, b = 2}
    local view, get, set = begin(live)
    view:offer('a', nil)
    view:offer('b', 20)
    t:is(get('a'), nil, 'offered')
    set('b', nil)
    t:is(get('b'), nil, 'set by new code')
    t:is(others(live, 'a'), 1, 'others')
    t:is(others(live, 'b'), 2, 'others')
    set('b', 21)
    t:is(get('b'), 21, 'and set again')
    set('b', nil)
    view:close()
    t:is_deeply(live, {a = 1, b = 2}, 'closed')
end)

case('others can remove a name', function(t)
    local live = {a = 1, b = 2}
    local view, get = begin(live)
    view:offer('a', 10)
    set_by_others(live, 'a', nil)
    set_by_others(live, 'b', nil)
    t:is(get('a'), 10, 'new code')
    t:is(others(live, 'a'), nil, 'others')
    view:close()
    t:is(live.a, nil, 'closed')
    t:is(live.b, nil, 'closed, a name that was not offered')
end)

case('a second close does nothing', function(t)
    local live = {a = 1}
    local view = begin(live)
    view:offer('a', 10)
    view:close()
    live.a = 5
    view:close()
    t:is(live.a, 5, 'what was set after the first')
end)

case('when all is offered, new code overwrites every name unseen by others', function(t)
    local live = {a = 1}
    local view, get, set = begin(live)
    view:offer_all()
    t:is(get('a'), 1, 'as it was')
    set('a', 10)
    t:is(others(live, 'a'), 1, 'others')
    view:close()
    t:is(live.a, 1, 'closed')
end)

lib.run()
