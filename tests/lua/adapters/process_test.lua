-- adapters/process.lua: calls that succeed only once in a process.

local console = require('console')
local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.process')

lib.box()

--- Starts a transaction with the adapter and a main script of this text.
local function begin(text)
    local load = lib.loader()
    local txn = lib.transaction(load)
    local main = text and {path = '/new/main.lua', given = 'main.lua', directory = '/start'}
    txn:add(load('adapters.builtins').new(txn, {'box', 'log'}))
    local adapter = txn:add(load('adapters.process').new(txn, main))
    function txn.on_configure(current, options)
        return adapter:configure(current, options)
    end
    if main ~= nil then
        main.chunk = txn.code(text, main.path)
    end
    return adapter, txn
end

--- Whether the reload would continue.
local function is_fine(adapter)
    return (pcall(adapter.check, adapter))
end

case('a script that ends without an error succeeds', function(t)
    local adapter, txn = begin('ran = ...')
    rawset(_G, 'arg', {[0] = 'main.lua', 'first'})
    lib.defer(function() rawset(_G, 'ran', nil) end)
    t:ok(adapter:run(), 'ends')
    t:is(rawget(_G, 'ran'), 'first', 'it gets its arguments')
    t:ok(is_fine(adapter), 'the reload goes on')
    txn:commit()
end)

case('a script that raises an error fails the reload', function(t)
    local adapter = begin('error("boom")')
    local ok, err, traceback = adapter:run()
    t:is(ok, false, 'fails')
    t:like(err, 'boom', 'the error')
    t:is(type(traceback), 'string', 'the traceback')
end)

case('new code cannot end the process', function(t)
    local exit = os.exit
    for _, text in ipairs({'os.exit(0)', 'pcall(os.exit, 0)', 'local e = os.exit e()'}) do
        local adapter, txn = begin(text)
        adapter:run()
        t:ok(not is_fine(adapter), text)
        txn.undo()
        t:is(os.exit, exit, 'os.exit is what it was')
    end
    local adapter, txn = begin()
    t:ok(not pcall(txn.code('os.exit(0)')), 'nor can a module')
    t:ok(not is_fine(adapter), 'the reload ends')
end)

case('a script ends where it starts the console', function(t)
    local start = console.start
    lib.defer(function() rawset(_G, 'went_on', nil) end)
    local adapter, txn = begin('require("console").start() went_on = true os.exit(0)')
    t:ok(adapter:run(), 'that is its end')
    t:is(rawget(_G, 'went_on'), nil, 'nothing behind it runs')
    t:ok(is_fine(adapter), 'the reload goes on')
    txn:commit()
    t:is(console.start, start, 'console.start is what it was')
    adapter = begin('pcall(require("console").start) os.exit(0)')
    t:ok(adapter:run(), 'also if it catches errors')
    t:ok(is_fine(adapter), 'the reload goes on')
end)

case('a module that starts the console fails the reload', function(t)
    local adapter, txn = begin()
    t:ok(not pcall(txn.code('require("console").start()')), 'an error')
    t:ok(is_fine(adapter), 'which it may catch')
end)

case('box.cfg with unchanged options does nothing', function(t)
    local directory = box.cfg.work_dir
    for _, text in ipairs({
        'box.cfg{}', 'box.cfg()', 'box.cfg{log_level = "error"}', 'box.cfg{log_level = box.cfg.log_level}',
        'box.cfg{memtx_memory = 32 * 1024 * 1024}', 'box.cfg{memtx_memory = "33554432"}',
        'box.cfg{work_dir = box.cfg.work_dir}', 'box.cfg{wal_mode = "none"}',
    }) do
        local adapter = begin(text)
        t:ok(adapter:run(), text)
        t:ok(is_fine(adapter), 'the reload goes on')
    end
    t:is(box.cfg.work_dir, directory, 'nothing has changed')
end)

case('box.cfg with other options fails the reload', function(t)
    for _, text in ipairs({
        'box.cfg{log_level = 6}', 'box.cfg{memtx_memory = 1}', 'pcall(box.cfg, {read_only = true})',
        'box.cfg{replication = {"guest:secret@127.0.0.1:1"}}', 'box.cfg{no_such_option = 1}',
    }) do
        local adapter = begin(text)
        adapter:run()
        local ok, err = pcall(adapter.check, adapter)
        t:ok(not ok, text)
        t:is(err.code, 'box_cfg_changed', 'code')
        t:is(err.message:find('secret', 1, true), nil, 'no values')
    end
    t:is(box.cfg.log_level, 'error', 'nothing has changed')
    t:is(box.cfg.read_only, false, 'nothing at all')
end)

case('without a main script box.cfg is not replaced', function(t)
    local adapter, txn = begin()
    txn.code('box.cfg{read_only = true}')()
    t:is(box.cfg.read_only, true, 'the option changes')
    t:ok(is_fine(adapter), 'the reload goes on')
    txn.undo()
    t:is(box.cfg.read_only, false, 'and a rollback puts it back')
end)

case('until box.cfg the script runs in the directory where the process started', function(t)
    lib.defer(function() rawset(_G, 'before', nil) rawset(_G, 'after', nil) end)
    local adapter, txn = begin('local fio = require("fio") before = fio.cwd() box.cfg{} after = fio.cwd()')
    adapter:run()
    t:is(rawget(_G, 'before'), '/start', 'before')
    t:is(rawget(_G, 'after'), fio.cwd(), 'after')
    t:isnt(lib.elsewhere(fio.cwd), '/start', 'for others never')
    txn:commit()
end)

case('repeated reloads do not lengthen the search paths', function(t)
    local path = package.path
    lib.defer(function() package.path = path end)
    local adapter, txn = begin('package.path = "/a/?.lua;" .. package.path')
    package.path = '/a/?.lua;/b/?.lua'
    adapter.path = package.path
    adapter:run()
    txn:commit()
    t:is(package.path, '/a/?.lua;/b/?.lua', 'each template is there once')
end)

case('a rollback restores the search root', function(t)
    local root = package.searchroot()
    local adapter, txn = begin('package.setsearchroot("/tmp")')
    adapter:run()
    t:isnt(package.searchroot(), root, 'changed')
    local undone = txn.undo()
    t:is(package.searchroot(), root, 'put back')
    t:ok(lib.mentions(undone, 'searchroot'), 'and told')
end)

lib.run()
