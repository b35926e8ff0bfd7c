-- cluster/sections.lua: the change of the sections of the cluster-wide config.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('cluster.sections')

lib.box()

local sections = lib.load('cluster.sections')
local CONFIG = 'extensions/config.yml'

local function show(list)
    return table.concat(list, ' ')
end

local function compare(present, given, prune)
    local result, patch = sections.compare(present, given, prune)
    return ('+%s ~%s -%s =%s k%s'):format(show(result.added), show(result.changed), show(result.removed),
        show(result.unchanged), show(result.kept)), patch
end

local function count(map)
    local n = 0
    for _ in pairs(map) do
        n = n + 1
    end
    return n
end

case('a text is split into its sections', function(t)
    local given = sections.cut({
        {name = 'a', size = 2}, {name = 'b', size = 0}, {name = 'c', size = 3},
    }, 'xx\0\1\n')
    t:is(given.a, 'xx', 'first')
    t:is(given.b, '', 'empty')
    t:is(given.c, '\0\1\n', 'last')
    t:is(count(given), 3, 'no more')
end)

case('sections are compared by their text', function(t)
    local present = {
        ['topology.yml'] = 'x', ['extensions/a.lua'] = 'return 1', ['extensions/b.lua'] = 'return 1',
        ['extensions/d.lua'] = 'return 1', ['extensions/data.json'] = '{}',
    }
    local given = {
        ['extensions/a.lua'] = 'return 1', ['extensions/b.lua'] = 'return 2', ['extensions/c.lua'] = 'return 3',
    }
    local shown, patch = compare(present, given)
    t:is(shown, '+extensions/c.lua ~extensions/b.lua - =extensions/a.lua kextensions/d.lua', 'kept')
    t:is(count(patch), 2, 'what changes')
    t:is(patch['extensions/b.lua'], 'return 2', 'new text')
    shown, patch = compare(present, given, true)
    t:is(shown, '+extensions/c.lua ~extensions/b.lua -extensions/d.lua =extensions/a.lua k', 'removed')
    t:is(count(patch), 3, 'nothing but what is ours')
    t:ok(patch['extensions/d.lua'] == nil and type(patch['extensions/d.lua']) == 'cdata', 'a null')
end)

case('a config of only comments is empty', function(t)
    local example = {[CONFIG] = '# functions:\n#   a: 1\n\n', ['extensions/example.lua'] = '-- return {}\n--\n'}
    t:is(compare(example, {}, true), '+ ~ - = k', 'not removed')
    t:is(compare(example, {[CONFIG] = ''}), '+ ~ - =extensions/config.yml k', 'not changed')
    t:is(compare(example, {[CONFIG] = 'functions: {}'}), '+extensions/config.yml ~ - = k', 'new')
    t:is(compare({}, {[CONFIG] = ''}), '+extensions/config.yml ~ - = k', 'given')
    t:is(compare({['extensions/a.lua'] = '--[[\n--]] y = 2'}, {}, true), '+ ~ -extensions/a.lua = k',
        'a long comment may end')
    t:is(compare({['extensions/a.lua'] = '--[==[ x ]==] y = 2'}, {}, true), '+ ~ -extensions/a.lua = k',
        'of any level')
    t:is(compare({['extensions/a.lua'] = '-- a\nreturn 1'}, {}, true), '+ ~ -extensions/a.lua = k', 'code')
end)

case('joining the sections gives the text back', function(t)
    local present = {['extensions/a.lua'] = 'return 1', ['extensions/b.lua'] = 'return 2'}
    local _, patch = compare(present, {['extensions/a.lua'] = 'return 9', ['extensions/c.lua'] = 'return 3'}, true)
    local back = sections.inverse(present, patch)
    t:is(back['extensions/a.lua'], 'return 1', 'changed')
    t:is(back['extensions/b.lua'], 'return 2', 'removed')
    t:ok(back['extensions/c.lua'] == nil and type(back['extensions/c.lua']) == 'cdata', 'added')
    t:is(count(back), 3, 'all')
    t:ok(not sections.has_patch(present, patch), 'not there')
    t:ok(sections.has_patch({['extensions/a.lua'] = 'return 9', ['extensions/c.lua'] = 'return 3'}, patch), 'there')
    t:ok(not sections.has_patch({
        ['extensions/a.lua'] = 'return 9', ['extensions/c.lua'] = 'return 3', ['extensions/b.lua'] = 'return 2',
    }, patch), 'one is there still')
    -- The role replaces an empty config with its example.
    t:ok(sections.has_patch({[CONFIG] = '# x'}, {[CONFIG] = ''}), 'nothing for nothing')
    t:ok(sections.has_patch({[CONFIG] = '# x'}, {[CONFIG] = box.NULL}), 'nothing for none')
end)

case('code is compiled and not run', function(t)
    rawset(_G, 'ran', nil)
    local problems = sections.compile({
        ['extensions/good.lua'] = 'ran = true',
        ['extensions/bad.lua'] = 'return {\n',
        ['extensions/shop/worse.lua'] = '\n\nlocal = 1',
        ['extensions/zero.lua'] = 'return 1\0',
        [CONFIG] = 'not Lua: at all',
    })
    t:is(#problems, 3, 'all that is wrong')
    t:is(problems[1].module, 'extensions.bad', 'module')
    t:is(problems[1].path, 'extensions/bad.lua', 'path')
    t:like(problems[1].message, '^extensions/bad.lua:%d: ', 'message')
    t:is(problems[2].module, 'extensions.shop.worse', 'below')
    t:like(problems[2].message, '^extensions/shop/worse.lua:3: ', 'line')
    t:is(rawget(_G, 'ran'), nil, 'nothing ran')
end)

case('bytecode is rejected', function(t)
    local problems = sections.compile({['extensions/a.lua'] = string.dump(function() return 1 end)})
    t:is(#problems, 1, 'refused')
end)

local function check(config, plaintext)
    local list = {}
    for _, problem in ipairs(sections.check_config(config, plaintext or {})) do
        table.insert(list, problem.message)
    end
    return table.concat(list, '; ')
end

case('a config without functions is valid', function(t)
    t:is(check(nil), '', 'none')
    t:is(check({}), '', 'empty')
    t:is(check({functions = {}}), '', 'no functions')
    t:like(check(box.NULL), 'must be a map', 'null')
    t:like(check('text'), 'must be a map', 'text')
    t:like(check({functions = box.NULL}), 'functions must be a map', 'null for functions')
    t:like(check({functions = {{module = 'a'}}}), 'functions: the key 1 is not a string', 'a list')
end)

case('functions need a module, a handler and events', function(t)
    local plaintext = {['extensions/shop/a.lua'] = ''}
    local function with(fields)
        local all = {module = 'extensions.shop.a', handler = 'f', events = {}}
        for key, value in pairs(fields) do
            all[key] = value
        end
        return check({functions = {f = all}}, plaintext)
    end
    t:is(with({}), '', 'fine')
    t:is(with({events = {{http = {path = '/', method = 'get'}, binary = {path = 'x'}}}}), '', 'with events')
    t:is(with({module = 1}), 'function f: module must be a string', 'module')
    t:is(with({handler = {}}), 'function f: handler must be a string', 'handler')
    t:is(with({modul = 'a', module = box.NULL}), 'function f: unknown key "modul", did you mean module?', 'module')
    t:is(with({handlr = 'a', handler = box.NULL}), 'function f: unknown key "handlr", did you mean handler?', 'handler')
    t:is(with({event = {}, events = box.NULL}), 'function f: unknown key "event", did you mean events?', 'events')
    t:is(with({events = {{htpp = {}}}}), 'function f: events[1]: unknown key "htpp", did you mean http?', 'http')
    t:is(with({events = {{http = {path = '/', metod = 'any'}}}}),
        'function f: events[1]: unknown key "metod", did you mean method?', 'method')
    t:is(check({functons = {}}), 'unknown key "functons", did you mean functions?', 'functions')
    t:is(check({comment = 'x'}), '', 'other keys are the role\'s own matter')
    t:is(with({events = 'http'}), 'function f: events must be a list', 'events')
    t:is(with({events = {'http'}}), 'function f: events[1]: must be a map', 'event')
    t:is(with({events = {{}, {http = true}}}), 'function f: events[2]: http must be a map', 'http')
    t:is(with({events = {{http = {path = '/'}}}}), 'function f: events[1]: http.method is missing', 'method')
    t:is(with({events = {{binary = {}}}}), 'function f: events[1]: binary.path is missing', 'path')
    t:is(check({functions = {f = 'g'}}), 'function f: must be a map', 'no map')
end)

case('modules of functions must exist', function(t)
    local app = lib.app({['@.mod'] = 'return {}'})
    local function of(module)
        return check({functions = {f = {module = module, handler = 'h', events = {}}}},
            {['extensions/a/b.lua'] = 'return {}'})
    end
    t:is(of('extensions.a.b'), '', 'of a section')
    t:is(of('extensions.a'), 'function f: handler h refers to module extensions.a, which does not exist', 'no section')
    t:is(of('json'), '', 'one that is loaded')
    t:is(of(app.name .. '.mod'), '', 'one that can be found')
    t:is(app.loaded('@.mod'), nil, 'and is not loaded for that')
    t:is(of(app.name .. '.none'),
        ('function f: handler h refers to module %s.none, which does not exist'):format(app.name), 'one that cannot')
end)

case('the role must be one of the replica set', function(t)
    t:ok(not sections.has_role({}), 'no replica sets')
    t:ok(not sections.has_role({replicasets = {a = {roles = {web = true}}}}), 'another role')
    t:ok(not sections.has_role({replicasets = {a = {roles = {extensions = false}}}}), 'switched off')
    t:ok(sections.has_role({replicasets = {a = {roles = {}}, b = {roles = {extensions = true}}}}), 'one of two')
    t:ok(sections.has_role({replicasets = {a = {roles = {'extensions'}}}}), 'as a list')
end)

lib.run()
