-- frameworks/config.lua: the roles of a config of Tarantool 3.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('frameworks.config')

--- Creates a framework object with these facts and the new code of some roles.
local function framework(facts, new)
    local own = {
        role_names = function() return facts.names end,
        roles = function() return facts.loaded, facts.order or facts.names end,
        role_configs = function() return facts.configs or {} end,
        event_arguments = function(_, name) return (facts.configs or {})[name], {is_ro = false} end,
        is_understood = function() return true end,
        status = function() return facts.status or 'ready' end,
        alerts = function() return facts.alerts or {} end,
        applied = function() return facts end,
        state = {},
        lock = facts.lock,
        register_health_check = facts.register_health_check,
    }
    local load = lib.loader({['platform.config'] = {
        detect = function() return own end,
        refusal = function() return nil end,
        tags_of = function(name) return (facts.tags or {})[name] or {} end,
        must_fail = function(expression) return expression == 'true' end,
    }})
    local self = load('frameworks.config').detect()
    if self == nil then
        return nil
    end
    local by_name = {}
    for name in pairs(new or {}) do
        by_name[name] = {name = name}
    end
    self.txn = {phase = 'load'}
    self.modules = {
        by_name = by_name,
        load_or_fail = function(_, name) return new[name] end,
        is_staged = function(_, name) return by_name[name] ~= nil end,
    }
    self.adapter = {prepare = function(_, roles) self.prepared = roles end}
    return self
end

local function role(fields)
    local M = {validate = function() end, apply = function() end, stop = function() end}
    for key, value in pairs(fields or {}) do
        M[key] = value or nil
    end
    return M
end

local function names(roles)
    local list = {}
    for _, one in ipairs(roles) do
        table.insert(list, one.role_name)
    end
    return table.concat(list, ' ')
end

case('a config without roles is not a framework', function(t)
    t:is(framework({names = {}, loaded = {}}), nil, 'no roles')
end)

case('roles are sorted by their dependencies, and otherwise keep their order', function(t)
    local new = {
        a = role({dependencies = {'c'}}),
        b = role(),
        c = role({dependencies = {'d'}}),
    }
    local loaded = {a = role(), b = role(), c = role(), d = role()}
    local self = framework({names = {'a', 'b', 'c', 'd'}, loaded = loaded}, new)
    local old, registry = self:register()
    t:is(names(registry.by_number), 'd c a b', 'new')
    t:is(registry.by_role_name.a.M, new.a, 'new code where a module is reloaded')
    t:isnt(registry.by_role_name.d.M, nil, 'the serving role where it is kept')
    t:is(#self.prepared, 4, 'the adapter has them')
    t:is(names(old.by_number), 'a b c d', 'the old ones in the order they have')
end)

case('a module that is not a role is rejected before any role is called', function(t)
    local function failure_of(new, facts)
        local self = framework(facts or {names = {'a'}, loaded = {a = role()}}, {a = new})
        local ok, err = pcall(self.register, self)
        t:is(ok, false, 'fails')
        return err.code .. ': ' .. err.message
    end
    t:like(failure_of(true), '^bad_role: .*not boolean', 'no table')
    t:like(failure_of(role({stop = false})), '^bad_role: .*stop', 'no stop')
    t:like(failure_of(role({dependencies = 'b'})), '^bad_role: .*dependencies', 'dependencies')
    t:like(failure_of(role({dependencies = {'b'}})), '^bad_role: .*"b"', 'one that is not given')
    t:like(failure_of(role({dependencies = {'a'}})), '^bad_role: ', 'itself')
    t:like(failure_of(role(), {names = {'a', 'b'}, loaded = {a = role()}}), '^bad_state: .*"b"', 'one not loaded')
end)

case('a change of the roles in the config ends the reload', function(t)
    local facts = {names = {'a'}, loaded = {a = role(), b = role()}}
    local self = framework(facts, {a = role()})
    local old, new = self:register()
    t:ok(pcall(self.check_removed, self, old, new), 'the same')
    for _, list in ipairs({{'a', 'b'}, {'b'}, {}}) do
        facts.names = list
        local ok, err = pcall(self.check_removed, self, old, new)
        t:is(not ok and err.code, 'config_changing', table.concat(list, ' '))
        t:is(err.transient, true, 'it may pass')
    end
end)

case('events are held until the end of the reload', function(t)
    local lock = fiber.channel(1)
    local self = framework({names = {'a'}, loaded = {a = role()}, lock = lock}, {})
    lock:put(true)
    t:is(self:hold(), false, 'not while one is delivered')
    lock:get()
    t:is(self:hold(), true, 'taken')
    t:is(self:hold(), true, 'once')
    t:is(lock:is_full(), true, 'nobody else gets it')
    self:resume()
    self:resume()
    t:is(lock:is_empty(), true, 'free again')
end)

case('roles that depend on a reloaded one are applied again', function(t)
    local loaded = {a = role(), b = role({dependencies = {'a'}}), c = role({dependencies = {'b'}}), d = role()}
    local self = framework({names = {'a', 'b', 'c', 'd'}, loaded = loaded}, {a = role()})
    local _, new = self:register()
    t:is(names(self:dependents({new.by_role_name.a})), 'b c', 'also over another one')
    t:is(names(self:dependents({new.by_role_name.d})), '', 'nobody')
end)

case('a role is called with its config', function(t)
    local configs = {a = {x = 1}}
    local self = framework({names = {'a'}, loaded = {a = role()}, configs = configs}, {})
    local a = {role_name = 'a'}
    t:is(self:arguments('validate', a), configs.a, 'validate')
    t:is(self:arguments('apply', a), configs.a, 'apply')
    t:is(select('#', self:arguments('stop', a)), 0, 'stop')
    local first, key, value = self:arguments('after_commit', a)
    t:is(first, configs.a, 'on_event: its config')
    t:is(key, 'config.apply', 'the event')
    t:is(value.is_ro, false, 'the status of the instance')
end)

case('health checks call the new role', function(t)
    local got
    local self = framework({names = {'a'}, loaded = {a = role()}, configs = {a = 7},
        register_health_check = function(...) got = {...} end}, {})
    local M = role()
    self:activate({role_name = 'a', M = M})
    t:is_deeply({got[1], got[3]}, {'a', 7}, 'name and config')
    t:is(got[2], M, 'the new role')
end)

case('the tags fail_if and early_load of a role file are respected', function(t)
    local self = framework({names = {'a', 'b'}, loaded = {a = role(), b = role()},
        tags = {a = {fail_if = 'true', early_load = true}, b = {fail_if = 'false'}}}, {})
    t:is(self:check_files({a = {}, b = {}}).code, 'fail_if', 'forbids the server')
    t:is(self:check_files({b = {}}), nil, 'does not')
    t:is(self:check_files({}), nil, 'not reloaded')
    self.facts.count_thread_groups = function() return 2 end
    local list = self:notices({a = {}})
    t:like(list[1], 'role a has the early_load tag', 'early_load')
    t:like(list[2], '^the code in 2 groups', 'threads')
end)

case('a state other than ready is a problem', function(t)
    local facts = {names = {'a'}, loaded = {a = role()}, status = 'check_errors', alerts = {'boom'}}
    local fields, problem = framework(facts, {}):status()
    t:is(fields.state, 'check_errors', 'state')
    t:is(problem.code, 'bad_state', 'code')
    t:like(problem.message, 'boom$', 'the first alert')
    facts.status = 'check_warnings'
    fields, problem = framework(facts, {}):status()
    t:is(fields.state, 'check_warnings', 'warnings')
    t:is(problem, nil, 'are none')
end)

lib.run()
