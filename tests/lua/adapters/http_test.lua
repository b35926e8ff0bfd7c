-- adapters/http.lua: routes, hooks and helpers of an HTTP server, staged.

local fio = require('fio')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.http')

package.path = fio.abspath('tests/support/fake_cartridge/.rocks/share/tarantool/?.lua') .. ';' .. package.path
local http_server = require('http.server')

lib.box()

local FILE = '/app/web.lua'

--- A handler that answers with that text, of the given code.
local HANDLER = 'local text = ... return function() return text end'

local function old_handler(text)
    return lib.old_code(HANDLER, FILE)(text)
end

local function foreign_handler(text)
    return lib.old_code(HANDLER, '/rocks/admin.lua')(text)
end

--- A server, and a transaction that reloads FILE, with the adapter in place.
local function begin(set_up, stash)
    local load = lib.loader()
    local httpd = http_server.new('127.0.0.1', 0, {log_requests = false})
    if set_up ~= nil then
        set_up(httpd)
    end
    local txn = lib.transaction(load, stash)
    txn.ownership:forget(FILE)
    local adapter = load('adapters.http').new(txn, httpd)
    txn:add(adapter)
    local function new_handler(text)
        return txn.code(HANDLER, FILE)(text)
    end
    return httpd, adapter, txn, new_handler
end

--- Who answers.
local function ask(httpd, path, method)
    local found = httpd:match(method or 'GET', path)
    return found and found.endpoint.sub() or nil
end

--- The routes in their order.
local function list(httpd)
    local texts = {}
    for i, route in ipairs(httpd.routes) do
        texts[i] = route.path .. '=' .. tostring(route.sub())
    end
    return table.concat(texts, ' ')
end

--- Whether the index of names is right.
local function is_indexed(httpd)
    local count = 0
    for index, route in ipairs(httpd.routes) do
        if route.name ~= nil then
            count = count + 1
            if httpd.iroutes[route.name] ~= index then
                return false
            end
        end
    end
    for _ in pairs(httpd.iroutes) do
        count = count - 1
    end
    return count == 0
end

local function commit(txn)
    txn:commit()
    assert(txn.commit_error == nil, txn.commit_error)
end

case('new routes serve from the commit on; until then live routes are unchanged', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/admin', name = 'admin'}, foreign_handler('admin'))
        httpd:route({path = '/hello'}, old_handler('old'))
        httpd:route({path = '/named', name = 'named'}, old_handler('old named'))
    end)
    local server = adapter.proxy
    server:route({path = '/hello'}, new('new'))
    server:route({path = '/named', name = 'named'}, new('new named'))
    t:is(list(httpd), '/admin=admin /hello=old /named=old named', 'before')
    commit(txn)
    t:is(list(httpd), '/admin=admin /hello=new /named=new named', 'after')
    t:ok(is_indexed(httpd), 'names')
    t:is_deeply(adapter.counts, {added = 0, replaced = 2, removed = 0}, 'counts')
end)

case('a rollback leaves the routes unchanged', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/hello', name = 'hello'}, old_handler('old'))
        httpd:hook('before_dispatch', old_handler('old hook'))
        httpd:helper('help', old_handler('old helper'))
    end)
    local routes, iroutes, method = httpd.routes, httpd.iroutes, adapter.methods.route.original
    local server = adapter.proxy
    server:route({path = '/hello', name = 'hello'}, new('new'))
    server:hook('before_dispatch', new('new hook'))
    server:helper('help', new('new helper'))
    server:helper('more', new('more'))
    txn.undo()
    t:is(list(httpd), '/hello=old', 'routes')
    t:is(httpd.routes, routes, 'the same table')
    t:is(httpd.iroutes, iroutes, 'the same index')
    t:is(httpd.hooks.before_dispatch(), 'old hook', 'hook')
    t:is(httpd.helpers.help(), 'old helper', 'helper')
    t:is(httpd.helpers.more, nil, 'new helper')
    t:is(httpd.route, method, 'method')
end)

case('new routes take the positions of the ones they replace', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/*rest'}, old_handler('o1'))
        httpd:route({path = '/a'}, foreign_handler('f1'))
        httpd:route({path = '/b'}, old_handler('o2'))
        httpd:route({path = '/c'}, foreign_handler('f2'))
    end)
    local server = adapter.proxy
    server:route({path = '/*rest'}, new('n1'))
    server:route({path = '/b'}, new('n2'))
    server:route({path = '/d'}, new('n3'))
    commit(txn)
    t:is(list(httpd), '/*rest=n1 /a=f1 /b=n2 /c=f2 /d=n3', 'order')
    t:is_deeply(adapter.counts, {added = 1, replaced = 2, removed = 0}, 'counts')
end)

case('routes that new code does not set are removed', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/a', name = 'a'}, old_handler('o1'))
        httpd:route({path = '/b', name = 'b'}, old_handler('o2'))
        httpd:route({path = '/f', name = 'f'}, foreign_handler('f1'))
    end)
    adapter.proxy:route({path = '/b', name = 'b'}, new('n'))
    commit(txn)
    t:is(list(httpd), '/b=n /f=f1', 'routes')
    t:ok(is_indexed(httpd), 'names')
    t:is_deeply(adapter.counts, {added = 0, replaced = 1, removed = 1}, 'counts')
end)

case('gaps in the list of live routes are allowed', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        for i = 1, 6 do
            local handler = i % 2 == 0 and foreign_handler('f' .. i) or old_handler('o' .. i)
            httpd:route({path = '/' .. i, name = 'r' .. i}, handler)
        end
        httpd.routes[1], httpd.routes[4] = nil, nil
        httpd.iroutes.r1, httpd.iroutes.r4 = nil, nil
    end)
    adapter.proxy:route({path = '/3', name = 'r3'}, new('n3'))
    adapter.proxy:route({path = '/1', name = 'r1'}, new('n1'))
    commit(txn)
    t:is(list(httpd), '/2=f2 /3=n3 /1=n1 /6=f6', 'routes')
    t:ok(is_indexed(httpd), 'names')
end)

case('a duplicate route of new code is an error', function(t)
    local _, adapter, _, new = begin(function(httpd)
        httpd:route({path = '/f', name = 'f'}, foreign_handler('f'))
    end)
    local server = adapter.proxy
    server:route({path = '/x', name = 'x'}, new('x'))
    t:ok(not pcall(server.route, server, {path = '/x', name = 'x'}, new('x')), 'a name of its own')
    t:ok(not pcall(server.route, server, {path = '/f', name = 'f'}, new('f')), 'a name of others')
end)

case('wrapped handlers are recognised by what they wrap', function(t)
    local wrap = lib.old_code('return function(f) return function(...) return f(...) end end',
        '/rocks/middleware.lua')()
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/w'}, wrap(old_handler('old')))
        httpd:route({path = '/f'}, wrap(foreign_handler('foreign')))
    end)
    adapter.proxy:route({path = '/w'}, wrap(new('new')))
    commit(txn)
    t:is(list(httpd), '/w=new /f=foreign', 'routes')
end)

case('routes that other code adds during the reload stay', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/a'}, old_handler('old'))
    end)
    adapter.proxy:route({path = '/a'}, new('new'))
    lib.elsewhere(function()
        httpd:route({path = '/f', name = 'f'}, foreign_handler('foreign'))
    end)
    t:is(ask(httpd, '/f'), 'foreign', 'at once')
    commit(txn)
    t:is(list(httpd), '/a=new /f=foreign', 'after the commit')
    t:ok(is_indexed(httpd), 'names')
end)

case('a route that old code adds during the reload is removed by the commit', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/a'}, old_handler('old'))
    end)
    adapter.proxy:route({path = '/a'}, new('new'))
    local add = lib.old_code([[
        local httpd = ...
        return function() httpd:route({path = '/a'}, function() return 'old too' end) end
    ]], FILE)(httpd)
    lib.elsewhere(add)
    commit(txn)
    t:is(ask(httpd, '/a'), 'new', 'who answers')
    t:is(#httpd.routes, 1, 'one route')
end)

case('routes set on a kept reference to the live server are staged', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/a', name = 'a'}, old_handler('old'))
    end)
    t:is(httpd:route({path = '/a', name = 'a'}, new('new')), httpd, 'returns the server')
    httpd:hook('before_dispatch', new('hook'))
    t:is(list(httpd), '/a=old', 'routes before')
    t:is(httpd.hooks.before_dispatch, nil, 'hooks before')
    commit(txn)
    t:is(list(httpd), '/a=new', 'routes after')
    t:is(httpd.hooks.before_dispatch(), 'hook', 'hooks after')
    t:is(adapter.methods.route.original, httpd.route, 'the method is the one that it was')
end)

case('after the commit the stand-in forwards to the live server', function(t)
    local httpd, adapter, txn, new = begin()
    local server = adapter.proxy
    server:route({path = '/a'}, new('new'))
    commit(txn)
    server:route({path = '/later', name = 'later'}, new('later'))
    t:is(ask(httpd, '/later'), 'later', 'a route')
    t:ok(is_indexed(httpd), 'its name')
    server:hook('after_dispatch', new('hook'))
    t:is(httpd.hooks.after_dispatch(), 'hook', 'a hook')
    server:delete('later')
    t:is(ask(httpd, '/later'), nil, 'and deletes')
    server.options.charset = 'x'
    server.field = 5
    t:is(httpd.field, 5, 'a field')
    t:is(server.routes, httpd.routes, 'the routes')
end)

case('new code can delete its own, old and foreign routes', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/o', name = 'o'}, old_handler('old'))
        httpd:route({path = '/f', name = 'f'}, foreign_handler('foreign'))
        httpd:route({path = '/g', name = 'g'}, foreign_handler('other'))
    end)
    local server = adapter.proxy
    server:route({path = '/n', name = 'n'}, new('new'))
    server:delete('o')
    server:delete('f')
    server:delete('n')
    server:delete('never')
    t:is(#httpd.routes, 3, 'nothing happens before the commit')
    commit(txn)
    t:is(list(httpd), '/g=other', 'after it')
    t:ok(is_indexed(httpd), 'names')
end)

case('hooks and helpers are replaced and removed like routes', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:hook('before_dispatch', old_handler('old before'))
        httpd:hook('after_dispatch', old_handler('old after'))
        httpd:helper('foreign', foreign_handler('foreign'))
        httpd:helper('doomed', foreign_handler('doomed'))
        httpd:helper('old', old_handler('old'))
    end)
    local server = adapter.proxy
    server:hook('before_dispatch', new('new before'))
    server.helpers.fresh = new('fresh')
    server:helper('doomed', nil)
    t:is(httpd.hooks.before_dispatch(), 'old before', 'before the commit')
    commit(txn)
    t:is(httpd.hooks.before_dispatch(), 'new before', 'new')
    t:is(httpd.hooks.after_dispatch, nil, 'old goes')
    t:is(httpd.helpers.old, nil, 'old helper goes')
    t:is(httpd.helpers.foreign(), 'foreign', 'foreign stays')
    t:is(httpd.helpers.doomed, nil, 'removed by new code')
    t:is(httpd.helpers.fresh(), 'fresh', 'set in the table')
    t:ok(httpd.helpers.url_for ~= nil, 'those of the rock')
end)

case('a rollback removes what reached the live server around the stand-in', function(t)
    local httpd, _, txn, new = begin(function(httpd)
        httpd:route({path = '/o', name = 'o'}, old_handler('old'))
        httpd:hook('before_dispatch', old_handler('old hook'))
    end)
    table.insert(httpd.routes, 1, {
        path = '/stray', name = 'stray', method = 'GET', match = '^/stray/$', stash = {}, sub = new('stray'),
    })
    httpd.hooks.before_dispatch = new('stray hook')
    httpd.hooks.after_dispatch = new('stray hook')
    local undone = txn.undo()
    t:is(list(httpd), '/o=old', 'routes')
    t:ok(is_indexed(httpd), 'names')
    t:is(httpd.hooks.before_dispatch(), 'old hook', 'hook')
    t:is(httpd.hooks.after_dispatch, nil, 'new hook')
    t:ok(lib.mentions(undone, 'route'), 'reported')
end)

case('routes of modules that are not reloaded stay', function(t)
    local load = lib.loader()
    local stash = load('core.stash').get()
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/a'}, old_handler('a1'))
        httpd:route({path = '/b'}, lib.old_code(HANDLER, '/app/other.lua')('b1'))
    end, stash)
    -- First everything.
    txn.ownership:forget('/app/other.lua')
    adapter:snapshot()
    adapter.own.routes, adapter.own.iroutes = {}, {}
    adapter.proxy:route({path = '/a'}, new('a2'))
    adapter.proxy:route({path = '/b'}, txn.code(HANDLER, '/app/other.lua')('b2'))
    commit(txn)
    t:is(list(httpd), '/a=a2 /b=b2', 'after a reload of everything')
    -- Then one module.
    local second = lib.transaction(load, stash)
    second.ownership:forget(FILE)
    local narrow = load('adapters.http').new(second, httpd)
    second:add(narrow)
    narrow.proxy:route({path = '/a'}, second.code(HANDLER, FILE)('a3'))
    commit(second)
    t:is(list(httpd), '/a=a3 /b=b2', 'after a reload of one module')
end)

case('routes without a handler function are replaced, not duplicated', function(t)
    -- Such as {path = '/', file = 'index.html.el'}: the handler is the rock's.
    local httpd, adapter, txn = begin(function(httpd)
        httpd:route({path = '/page', file = 'page.html'})
    end)
    adapter.proxy:route({path = '/page', file = 'page.html'})
    commit(txn)
    t:is(#httpd.routes, 1, 'without a name')
    local ok
    httpd, adapter, txn = begin(function(other)
        other:route({path = '/page', file = 'page.html', name = 'page'})
    end)
    ok = pcall(adapter.proxy.route, adapter.proxy, {path = '/page', file = 'page.html', name = 'page'})
    t:ok(ok, 'with a name: can be registered')
    if ok then
        commit(txn)
        t:is(#httpd.routes, 1, 'with a name')
    end
end)

case('a thousand routes are committed in one step without a yield', function(t)
    local httpd, adapter, txn, new = begin(function(httpd)
        local old = old_handler('old')
        for i = 1, 1000 do
            httpd:route({path = '/' .. i, name = 'r' .. i}, old)
        end
    end)
    local handler = new('new')
    for i = 1, 1000 do
        adapter.proxy:route({path = '/' .. i, name = 'r' .. i}, handler)
    end
    local work = lib.work(commit, txn)
    t:ok(work < 200, ('%d thousand instructions'):format(work))
    t:is(#httpd.routes, 1000, 'routes')
    t:is(ask(httpd, '/1000'), 'new', 'new ones')
end)

case('roles that are restarted get their own positions back, in order', function(t)
    local httpd, adapter, txn = begin(function(httpd)
        httpd:route({path = '/a'}, old_handler('a1'))
        httpd:route({path = '/f'}, foreign_handler('f'))
        httpd:route({path = '/a'}, old_handler('a1 again'))
        httpd:route({path = '/b', name = 'b'}, old_handler('b1'))
    end)
    local server = adapter.proxy
    server:route({path = '/a'}, old_handler('a2'))
    server:route({path = '/b', name = 'b'}, old_handler('b2'))
    adapter:revive()
    t:is(ask(httpd, '/a'), 'a2', 'the route that answers is of the state that is')
    t:is(ask(httpd, '/b'), 'b2', 'named route')
    t:is(ask(httpd, '/f'), 'f', 'of others')
    t:ok(is_indexed(httpd), 'names')
    txn.committed = true
end)

--- What stands for what in the new code.
local function match(txn, counterparts)
    txn.counterparts = {cover = function(_, f, taken)
        local counterpart = counterparts[f]
        return counterpart ~= nil and not taken[counterpart]
    end}
end

case('a route of the main script stays if its handler can be patched', function(t)
    local o1, o2, hook, helper, other = old_handler('o1'), old_handler('o2'), old_handler('hook'),
        old_handler('helper'), old_handler('other')
    local httpd, _, txn, new = begin(function(httpd)
        httpd:route({path = '/a'}, o1)
        httpd:route({path = '/foreign'}, foreign_handler('f'))
        httpd:route({path = '/b', name = 'b'}, o2)
        httpd:hook('before_dispatch', hook)
        httpd:hook('after_dispatch', other)
        httpd:helper('money', helper)
        httpd:helper('other', other)
    end)
    match(txn, {[o1] = new('n1'), [hook] = new('n2'), [helper] = new('n3')})
    commit(txn)
    t:is(list(httpd), '/a=o1 /foreign=f', 'routes')
    t:ok(is_indexed(httpd), 'index')
    t:is(httpd.hooks.before_dispatch, hook, 'hook')
    t:is(httpd.hooks.after_dispatch, nil, 'one that has no counterpart goes')
    t:is(httpd.helpers.money, helper, 'helper')
    t:is(httpd.helpers.other, nil, 'one that has no counterpart goes')
end)

case('a route with the same method and path takes the position', function(t)
    local old = old_handler('old')
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/a'}, old)
    end)
    match(txn, {[old] = new('counterpart')})
    adapter.proxy:route({path = '/a'}, new('another'))
    commit(txn)
    t:is(list(httpd), '/a=another', 'of the new code')
end)

case('a route whose function new code registers elsewhere is removed', function(t)
    local old, hook = old_handler('old'), old_handler('hook')
    local httpd, adapter, txn, new = begin(function(httpd)
        httpd:route({path = '/1'}, old)
        httpd:hook('before_dispatch', hook)
    end)
    local n1, n2 = new('n1'), new('n2')
    match(txn, {[old] = n1, [hook] = n2})
    adapter.proxy:route({path = '/2'}, n1)
    adapter.proxy:hook('after_dispatch', n2)
    commit(txn)
    t:is(list(httpd), '/2=n1', 'routes')
    t:is(httpd.hooks.before_dispatch, nil, 'the hook too')
    t:is(httpd.hooks.after_dispatch, n2, 'which is elsewhere')
end)

case('a route set by an earlier reload is removed when new code drops it', function(t)
    local load = lib.loader()
    local stash = load('core.stash').get()
    local httpd, adapter, txn, new = begin(nil, stash)
    local r, h, m = new('r'), new('h'), new('m')
    adapter.proxy:route({path = '/a'}, r)
    adapter.proxy:hook('before_dispatch', h)
    adapter.proxy:helper('money', m)
    commit(txn)
    local helpers = 0
    for _ in pairs(httpd.helpers) do
        helpers = helpers + 1
    end
    t:is(list(httpd), '/a=r', 'set by a reload')
    local second = lib.transaction(load, stash)
    second.ownership:forget(FILE)
    second:add(load('adapters.http').new(second, httpd))
    local n = second.code(HANDLER, FILE)
    match(second, {[r] = n('r2'), [h] = n('h2'), [m] = n('m2')})
    commit(second)
    t:is(list(httpd), '', 'route')
    t:is(httpd.hooks.before_dispatch, nil, 'hook')
    t:is(httpd.helpers.money, nil, 'helper')
    for _ in pairs(httpd.helpers) do
        helpers = helpers - 1
    end
    t:is(helpers, 1, 'other helpers stay')
end)

case('objects kept by new code hold no old generation', function(t)
    local httpd, adapter, txn = begin(function(httpd)
        httpd:route({path = '/a'}, old_handler('old'))
    end)
    local kept_method, kept_server = httpd.route, adapter.proxy
    local weak = setmetatable({httpd.routes[1].sub}, {__mode = 'v'})
    kept_server:route({path = '/a'}, txn.code(HANDLER, FILE)('new'))
    commit(txn)
    txn:release()
    adapter, txn = nil, nil -- luacheck: ignore
    jit.flush()
    collectgarbage()
    collectgarbage()
    t:is(weak[1], nil, 'the old handler is gone')
    kept_method(kept_server, {path = '/b'}, foreign_handler('b'))
    kept_method(httpd, {path = '/c'}, foreign_handler('c'))
    t:is(list(httpd), '/a=new /b=b /c=c', 'and what was kept works')
end)

case('a rollback restores server options and functions in other fields', function(t)
    for label, text in pairs({
        ['a function'] = 'local httpd, f = ... httpd.options.log_requests = f httpd.options.log_errors = f',
        ['a value'] = 'local httpd = ... httpd.options.charset = "x" httpd.options.fresh = 1',
        ['none'] = 'local httpd = ... httpd.options.log_requests = nil httpd.options.handler = nil',
        ['other options'] = 'local httpd = ... httpd.options = {}',
        ['a field'] = 'local httpd, f = ... httpd.process = f httpd.fresh = f',
    }) do
        for _, is_direct in ipairs({true, false}) do
            local httpd, adapter, txn, new_handler = begin(function(httpd)
                httpd.options = httpd.options or {}
                httpd.options.handler = httpd.options.handler or print
            end)
            local options, fields = table.copy(httpd.options), table.copy(adapter.fields)
            local identity = httpd.options
            txn.code(text)(is_direct and httpd or adapter.proxy, new_handler('new'))
            local undone = txn.undo()
            t:ok(#undone > 0, label .. ': told')
            t:is(httpd.options, identity, label .. ': the table of options')
            t:is_deeply(httpd.options, options, label .. ': options')
            t:is(rawget(httpd, 'process'), fields.process, label .. ': a field')
            t:is(rawget(httpd, 'fresh'), nil, label .. ': a new one')
        end
    end
end)

case('options that serving code changes during the reload stay', function(t)
    local httpd, _, txn = begin()
    httpd.options = httpd.options or {}
    lib.elsewhere(function() httpd.options.log_requests = old_handler('old') end)
    txn.undo()
    t:is(httpd.options.log_requests(), 'old', 'of the serving code')
end)

lib.run()
