-- adapters/spaces.lua: what code keeps in the objects of spaces.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.spaces')

lib.box()

local function begin(name)
    local space = box.schema.space.create(name, {if_not_exists = true})
    lib.defer(function() space:drop() end)
    space = box.space[name]
    space.queue = {is_old = true}
    space.limit = {1}
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.spaces').new(txn))
    return txn, space
end

case('a rollback undoes fields that new code replaced, removed and added', function(t)
    local txn, space = begin('spaces_back')
    local queue, limit = space.queue, space.limit
    txn.code([[
        local space = box.space.spaces_back
        space.queue = {take = function() end}
        space.limit = nil
        space.worker = setmetatable({}, {__index = {run = function() end}})
        space.more = function() end
    ]])()
    local undone = txn.undo()
    t:is(rawget(space, 'queue'), queue, 'replaced')
    t:is(rawget(space, 'limit'), limit, 'removed')
    t:is(rawget(space, 'worker'), nil, 'an object')
    t:is(rawget(space, 'more'), nil, 'a function')
    t:ok(lib.mentions(undone, 'box.space.spaces_back.queue'), 'reported')
    t:is(#undone, 4, 'each')
end)

case('a rollback keeps what Tarantool and serving code add', function(t)
    local txn, space = begin('spaces_stay')
    txn.code("box.space.spaces_stay:create_index('pk')")()
    space.cache = {}
    local undone = txn.undo()
    t:ok(space.index.pk ~= nil, 'an index')
    t:ok(rawget(space, 'cache') ~= nil, 'data of the serving code')
    t:is(#undone, 0, 'nothing to tell')
end)

case('a commit keeps what new code has set', function(t)
    local txn, space = begin('spaces_good')
    txn.code('box.space.spaces_good.queue = {}')()
    txn:commit()
    t:is(rawget(space, 'queue').is_old, nil, 'the new one')
end)

lib.run()
