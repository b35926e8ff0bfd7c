-- adapters/schema.lua: changes of the schema, and who has made them.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.schema')

lib.box()

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.schema').new(txn))
    return txn
end

local function drop(name)
    lib.defer(function()
        if box.space[name] ~= nil then
            box.space[name]:drop()
        end
    end)
end

--- How many triggers the spaces have where the schema is stored.
local function count_triggers()
    return #box.space._space:on_replace() + #box.space._index:on_replace() + #box.space._user:on_replace()
end

case('spaces that the stop of an old role drops after the commit are kept', function(t)
    box.schema.space.create('s_kept'):create_index('pk')
    drop('s_kept')
    box.schema.func.create('s_func', {if_not_exists = true})
    lib.defer(function() box.schema.func.drop('s_func', {if_exists = true}) end)
    local original = box.schema.space.drop
    local txn = begin()
    local function stop()
        box.space.s_kept:drop()
        box.schema.func.drop('s_func')
    end
    txn:commit()
    local put_back = txn:guard()
    txn.ownership:call_stop(stop)
    t:ok(box.space.s_kept ~= nil, 'a space')
    t:ok(box.schema.func.exists('s_func'), 'a function')
    t:ok(lib.mentions(txn.warnings, 'space s_kept'), 'and it is told')
    lib.elsewhere(function() box.schema.func.drop('s_func') end)
    t:ok(not box.schema.func.exists('s_func'), 'others may drop it')
    put_back()
    t:is(box.schema.space.drop, original, 'nothing stays')
end)

case('spaces that the stop of an old role drops before the commit are dropped', function(t)
    box.schema.space.create('s_kept'):create_index('pk')
    drop('s_kept')
    local txn = begin()
    local put_back = txn:guard()
    txn.ownership:call_stop(function() box.space.s_kept:drop() end)
    put_back()
    t:is(box.space.s_kept, nil, 'dropped')
    t:is(#txn.warnings, 0, 'without a word')
end)

case('writing the schema unchanged is no change', function(t)
    local format = {{name = 'id', type = 'unsigned'}, {name = 'n', type = 'number'}}
    drop('s_old')
    box.schema.space.create('s_old', {format = format})
    for text, expected in pairs({
        ["box.space.s_old:format({{name = 'id', type = 'unsigned'}, {name = 'n', type = 'number'}})"] = 0,
        ["box.space.s_old:format({{name = 'id', type = 'unsigned'}})"] = 1,
    }) do
        local txn = begin()
        local ok, err = txn:call(txn.code(text))
        t:ok(ok, tostring(err))
        local _, left = txn.undo()
        t:is(#left, expected, text)
        box.space.s_old:format(format)
    end
end)

case('a schema change by new code is reported', function(t)
    for _, text in ipairs({
        "box.schema.space.create('s_new')",
        "box.space.s_old:create_index('second', {parts = {1, 'unsigned'}})",
        "box.space.s_old:drop()",
        "box.schema.user.create('s_user', {if_not_exists = true}) box.schema.user.drop('s_user')",
        "require('fiber').sleep(0) box.schema.space.create('s_new')",
        "box.execute('create table s_sql (a int primary key)')",
    }) do
        drop('s_new')
        drop('s_old')
        drop('S_SQL')
        drop('s_sql')
        box.schema.space.create('s_old', {if_not_exists = true}):create_index('pk', {if_not_exists = true})
        local before = count_triggers()
        local txn = begin()
        local ok, err = txn:call(txn.code(text))
        t:ok(ok, tostring(err))
        local _, left = txn.undo()
        t:ok(lib.mentions(left, 'schema'), text)
        t:is(count_triggers(), before, 'the triggers are gone')
        for _, name in ipairs({'s_new', 's_old', 'S_SQL', 's_sql'}) do
            if box.space[name] ~= nil then
                box.space[name]:drop()
            end
        end
    end
end)

case('a schema change by other code is not reported', function(t)
    drop('s_other')
    local txn = begin()
    lib.elsewhere(function() box.schema.space.create('s_other') end)
    fiber.create(function()
        fiber.sleep(0)
        box.space.s_other:create_index('pk')
    end)
    txn:call(txn.code("while not box.space.s_other.index[0] do require('fiber').sleep(0) end"))
    t:ok(box.space.s_other.index[0], 'it was made while new code ran')
    local _, left = txn.undo()
    t:is(#left, 0, 'nothing is left')
end)

case('a schema change that is not committed, or changes nothing, is not reported', function(t)
    drop('s_same')
    box.schema.space.create('s_same')
    for _, text in ipairs({
        "box.schema.space.create('s_same', {if_not_exists = true})",
        "pcall(box.schema.space.create, 's_same')",
        "box.begin() box.space._space:insert({700, 1, 's_never', 'memtx', 0, {}, {}}) box.rollback()",
        'return 1',
    }) do
        local txn = begin()
        txn:call(txn.code(text))
        local _, left = txn.undo()
        t:is(#left, 0, text)
    end
end)

case('the trigger on the schema is removed after the commit', function(t)
    local before = count_triggers()
    local txn = begin()
    txn:commit()
    t:is(count_triggers(), before, 'triggers')
end)

lib.run()
