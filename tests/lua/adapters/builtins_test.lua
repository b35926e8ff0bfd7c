-- adapters/builtins.lua: what a rollback restores of Tarantool's own functions.

local fiber = require('fiber')
local json = require('json')
local lib = dofile('tests/lua/lib.lua')
-- Newer servers give each module a logger of its own.
local log = package.loaded.log
local case = lib.suite('adapters.builtins')

lib.box()

local NAMES = {'_G', 'box', 'debug', 'fiber', 'json', 'log', 'math', 'os', 'package', 'string', 'table'}

local function begin()
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn:add(load('adapters.builtins').new(txn, NAMES))
    return txn
end

local function run(txn, text)
    local ok, err = txn:call(txn.code(text))
    assert(ok, err)
end

-- Changes, and how to detect them.
local CHANGES = {
    {'package.loaded.log.info = function() end', function() return log.info end},
    {'package.loaded.log.warn = nil', function() return log.warn end},
    {"require('fiber').create = function() end", function() return fiber.create end},
    {"require('json').encode = tostring", function() return json.encode end},
    {'string.g_trim = function() end', function() return rawget(string, 'g_trim') end},
    {'math.pi = 3', function() return math.pi end},
    {'table.sort = print', function() return table.sort end},
    {'package.search = print', function() return package.search end},
    {'rawset(_G, "require", print)', function() return require end},
    {'rawset(_G, "box", {})', function() return box end},
    {"getmetatable('').__mod = print", function() return getmetatable('').__mod end},
    {"getmetatable('').__index = function() end", function() return getmetatable('').__index end},
    {'debug.setmetatable(nil, {__index = print})', function() return debug.getmetatable(nil) end},
    {'debug.setmetatable(1, {__call = print})', function() return debug.getmetatable(1) end},
    {'debug.setmetatable(print, {__index = {}})', function() return debug.getmetatable(print) end},
    {'debug.getmetatable(0LL).__mod = print', function() return debug.getmetatable(0LL).__mod end},
    {"debug.getmetatable(require('fiber').self()).g_method = print",
        function() return debug.getmetatable(fiber.self()).g_method end},
    {'box.once = print', function() return box.once end},
    {'box.schema.space.bless = print', function() return box.schema.space.bless end},
    {'box.session.g_method = print', function() return rawget(box.session, 'g_method') end},
    {'box.schema.space_mt.insert = print', function() return box.schema.space_mt.insert end},
    {"require('json').cfg({encode_max_depth = 7})", function() return json.cfg.encode_max_depth end},
    {'getmetatable(require("json").cfg).__call = print', function() return getmetatable(json.cfg).__call end},
    {'box.cfg({log_level = 6})', function() return box.cfg.log_level end},
    {'box.cfg({too_long_threshold = 3})', function() return box.cfg.too_long_threshold end},
    {"require('log').level(6)", function() return box.cfg.log_level end},
    {'setmetatable(_G, {__index = function() end})', function() return debug.getmetatable(_G) end},
    {"os.setenv('G_VARIABLE', 'x')", function() return os.getenv('G_VARIABLE') end},
    {"os.setenv('HOME', nil)", function() return os.getenv('HOME') end},
}

for _, change in ipairs(CHANGES) do
    case('a rollback undoes ' .. change[1], function(t)
        local text, look = change[1], change[2]
        local before = look()
        local txn = begin()
        run(txn, text)
        t:ok(not rawequal(look(), before), 'it was changed')
        local undone, left = txn.undo()
        t:ok(rawequal(look(), before), 'and is as it was')
        t:ok(#undone > 0, 'told')
        t:is(#left, 0, 'nothing is left')
    end)
end

case('a rollback without changes does nothing, and a commit keeps them', function(t)
    local txn = begin()
    run(txn, 'return 1')
    local undone, left = txn.undo()
    t:is(#undone, 0, 'undone')
    t:is(#left, 0, 'left')
    local call, level = getmetatable(box.cfg).__call, log.level
    txn = begin()
    run(txn, 'function string.g_kept() end')
    txn:commit()
    t:is(type(rawget(string, 'g_kept')), 'function', 'kept')
    rawset(string, 'g_kept', nil)
    t:is(getmetatable(box.cfg).__call, call, 'nothing of ours stays in box.cfg')
    t:is(log.level, level, 'nor in log')
end)

case('a rollback keeps what serving code has changed during the reload', function(t)
    local threshold, original = box.cfg.too_long_threshold, log.info
    local txn = begin()
    local serving = lib.old_code('return function() end', '/served.lua')
    txn.ownership:forget('/served.lua')
    lib.elsewhere(function()
        box.cfg({too_long_threshold = 7})
        log.info = serving()
    end)
    local undone = txn.undo()
    local now, info = box.cfg.too_long_threshold, log.info
    box.cfg({too_long_threshold = threshold})
    log.info = original
    t:is(now, 7, 'a setting')
    t:isnt(info, original, 'a function')
    t:is(#undone, 0, 'nothing was undone')
end)

case('a setting that cannot be restored is reported', function(t)
    local before = box.cfg.vinyl_memory
    local txn = begin()
    run(txn, ('box.cfg({vinyl_memory = %d})'):format(before + 16 * 1024 * 1024))
    local _, left = txn.undo()
    t:ok(lib.mentions(left, 'box.cfg.vinyl_memory'), 'named')
end)

case('a snapshot of the builtins takes little work', function(t)
    local txn
    local work = lib.work(function() txn = begin() end)
    local undo = lib.work(function() txn.undo() end)
    t:ok(work < 300, ('snapshot: %d thousand instructions'):format(work))
    t:ok(undo < 300, ('rollback: %d thousand instructions'):format(undo))
end)

lib.run()
